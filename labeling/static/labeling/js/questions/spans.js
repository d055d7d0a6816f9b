import SpansController from "../controllers/spans_controller.js";
import { addQuestionType } from "../lib/question_types.js";

addQuestionType("spans", SpansController);
