// Typed as a response is, without a preview.
import "./write.js";
