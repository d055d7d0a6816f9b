import RatingController from "../controllers/rating_controller.js";
import { addQuestionType } from "../lib/question_types.js";

addQuestionType("rating", RatingController);
