// Copies a text; resolves to what is to be said of it. The clipboard is closed on plain http: then the text is selected in
// the element that `source()` gives, so that the keyboard can copy it.
export async function copy(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    const element = source();
    if (element.select) element.select();
    else getSelection().selectAllChildren(element);
    return "Selected: press Ctrl+C";
  }
}
