// Pages on which a form is built.
import { application } from "./app.js";
import FormBuilderController from "./controllers/form_builder_controller.js";
import FormPreviewController from "./controllers/form_preview_controller.js";

// The preview first: it hears of the form as soon as the builder has read it.
application.register("form-preview", FormPreviewController);
application.register("form-builder", FormBuilderController);
