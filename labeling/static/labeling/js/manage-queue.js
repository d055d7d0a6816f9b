// The pages of a queue: what happens in it now, its skips, its settings, reviewing it.
import { application } from "./app.js";
import KeyboardController from "./controllers/keyboard_controller.js";
import LiveController from "./controllers/live_controller.js";
import NarrowController from "./controllers/narrow_controller.js";
import ReviewController from "./controllers/review_controller.js";
import TickController from "./controllers/tick_controller.js";

application.register("live", LiveController);
application.register("narrow", NarrowController);
application.register("keyboard", KeyboardController);
application.register("review", ReviewController);
application.register("tick", TickController);
