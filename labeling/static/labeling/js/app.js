// What every page has. The labelling page adds label.js.
import { Application } from "../vendor/stimulus.js";
import ConfirmController from "./controllers/confirm_controller.js";
import CopyController from "./controllers/copy_controller.js";
import DismissController from "./controllers/dismiss_controller.js";
import LocalTimeController from "./controllers/local_time_controller.js";
import MenuController from "./controllers/menu_controller.js";
import PreferenceController from "./controllers/preference_controller.js";
import ProseController from "./controllers/prose_controller.js";
import RefreshController from "./controllers/refresh_controller.js";

// The server counts "today" in the reader's own zone, which only the browser knows.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `annotate_zone=${zone}; path=/; max-age=31536000; samesite=lax`;

export const application = Application.start();
application.register("confirm", ConfirmController);
application.register("copy", CopyController);
application.register("dismiss", DismissController);
application.register("local-time", LocalTimeController);
application.register("menu", MenuController);
application.register("preference", PreferenceController);
application.register("prose", ProseController);
application.register("refresh", RefreshController);
