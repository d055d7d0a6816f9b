import EditController from "../controllers/edit_controller.js";
import { addQuestionType } from "../lib/question_types.js";

addQuestionType("edit", EditController);
