import WriteController from "../controllers/write_controller.js";
import { addQuestionType } from "../lib/question_types.js";

addQuestionType("write", WriteController);
