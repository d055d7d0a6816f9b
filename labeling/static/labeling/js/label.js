// The labelling page.
import { application } from "./app.js";
import AutosaveController from "./controllers/autosave_controller.js";
import ClockController from "./controllers/clock_controller.js";
import DialogController from "./controllers/dialog_controller.js";
import KeyboardController from "./controllers/keyboard_controller.js";
import LayoutController from "./controllers/layout_controller.js";
import LeaseController from "./controllers/lease_controller.js";
import RankingController from "./controllers/ranking_controller.js";
import ShortcutsController from "./controllers/shortcuts_controller.js";
import TaskController from "./controllers/task_controller.js";
import WriteController from "./controllers/write_controller.js";

// First: the application may run already, and then questions tell what they hold as soon as they are registered.
application.register("autosave", AutosaveController);
application.register("keyboard", KeyboardController);
application.register("dialog", DialogController);
application.register("shortcuts", ShortcutsController);
application.register("layout", LayoutController);
application.register("lease", LeaseController);
application.register("clock", ClockController);
application.register("task", TaskController);
application.register("ranking", RankingController);
application.register("write", WriteController);
