// The page that sets a generator up.
import { application } from "./app.js";
import KindsController from "./controllers/kinds_controller.js";

application.register("kinds", KindsController);
