import ComparingController from "../controllers/comparing_controller.js";
import { addQuestionType } from "../lib/question_types.js";

addQuestionType("comparing", ComparingController);
