// The labelling page. Scripts of question types stand before this one, each where a form asks such a question.
import { application } from "./app.js";
import AheadController from "./controllers/ahead_controller.js";
import AutosaveController from "./controllers/autosave_controller.js";
import CardsController from "./controllers/cards_controller.js";
import ClockController from "./controllers/clock_controller.js";
import ContrastController from "./controllers/contrast_controller.js";
import DialogController from "./controllers/dialog_controller.js";
import KeyboardController from "./controllers/keyboard_controller.js";
import LayoutController from "./controllers/layout_controller.js";
import LeaseController from "./controllers/lease_controller.js";
import NewsController from "./controllers/news_controller.js";
import PinsController from "./controllers/pins_controller.js";
import QuestionsController from "./controllers/questions_controller.js";
import RawController from "./controllers/raw_controller.js";
import ShortcutsController from "./controllers/shortcuts_controller.js";
import TabsController from "./controllers/tabs_controller.js";
import TaskController from "./controllers/task_controller.js";
import UndoController from "./controllers/undo_controller.js";
import { loadTypesOf, registerWith } from "./lib/question_types.js";
import { beforeShowing } from "./lib/visit.js";

beforeShowing(loadTypesOf);

// First: the application may run already, and then questions tell what they hold as soon as they are registered.
application.register("autosave", AutosaveController);
application.register("questions", QuestionsController);
application.register("pins", PinsController); // before the cards: while two are pinned, its letters come first
application.register("cards", CardsController);
application.register("keyboard", KeyboardController);
application.register("dialog", DialogController);
application.register("shortcuts", ShortcutsController);
application.register("layout", LayoutController);
application.register("tabs", TabsController);
application.register("contrast", ContrastController);
application.register("raw", RawController);
application.register("lease", LeaseController);
application.register("clock", ClockController);
application.register("task", TaskController);
application.register("ahead", AheadController);
application.register("undo", UndoController);
application.register("news", NewsController);
registerWith((name, controller) => application.register(name, controller));
