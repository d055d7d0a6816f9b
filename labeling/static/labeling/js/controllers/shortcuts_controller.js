// "?": writes the list of keys from the page's own bindings, each time it opens.
import { Controller } from "../../vendor/stimulus.js";
import { bindings } from "../lib/bindings.js";
import { caps } from "../lib/keys.js";

const element = (name, text = "") => Object.assign(document.createElement(name), { textContent: text });

export default class extends Controller {
  static targets = ["list"];

  fill() {
    // Questions of one type bring the same keys: they are named once.
    const alike = ({ group, label, keys }) => [group, label, ...keys].join("\n");
    const different = [...new Map(bindings().map((binding) => [alike(binding), binding])).values()];
    const groups = Map.groupBy(different, (binding) => binding.group);
    this.listTarget.replaceChildren(
      ...[...groups].map(([group, found]) => {
        const keys = element("dl");
        keys.className = "keys";
        keys.append(...found.flatMap((binding) => this.row(binding)));
        const section = element("section");
        section.append(element("h3", group), keys);
        return section;
      }),
    );
  }

  row(binding) {
    const term = element("dt");
    const shown = binding.show ?? binding.keys.map((key) => caps(key).join(" "));
    term.append(...shown.map((key) => element("kbd", key)));
    return [term, element("dd", binding.label)];
  }
}
