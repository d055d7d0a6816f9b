import ChoosingController from "../controllers/choosing_controller.js";
import { addQuestionType } from "../lib/question_types.js";

addQuestionType("choosing", ChoosingController);
