import RankingController from "../controllers/ranking_controller.js";
import { addQuestionType } from "../lib/question_types.js";

addQuestionType("ranking", RankingController);
