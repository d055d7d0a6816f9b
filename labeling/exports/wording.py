"""What a release's manifest says, in sentences: one wording for the dataset card and for Croissant.

Every function takes `say`, through which each text passes that somebody typed (names, titles): the card escapes them,
Croissant takes them as they are. A fact that the manifest does not have is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Say = Callable[[str], str]
Manifest = Mapping[str, Any]

# What a file of the whole dataset is called where a loader asks for the name of a part.
UNDIVIDED = "train"


def as_it_is(text: str) -> str:
    return text


def counted(number: int, one: str, many: str = "") -> str:
    """“1 row”, “2,345 rows”."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """“a”, “a and b”, “a, b and c”."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def versions(numbers: Iterable[Any]) -> str:
    """“version 2”, “versions 1 and 2”."""
    found = [str(number) for number in numbers]
    return f"version{'s' if len(found) > 1 else ''} {listed(found)}"


def moment(time: str) -> str:
    """A time of the manifest for people: “2026-06-30 12:00:00 UTC”."""
    return f"{time[:19].replace('T', ' ')} UTC"


def name_of(manifest: Manifest, say: Say = as_it_is) -> str:
    """What the dataset is called: the project's name and the release's number."""
    project = manifest["project"]
    return f"{say(project.get('name') or project['slug'])}, release {manifest['number']}"


def about(manifest: Manifest, say: Say = as_it_is) -> str:
    """What this is, in two sentences."""
    counts = manifest.get("counts", {})
    known = [
        counted(counts[name], one)
        for name, one in (("prompts", "prompt"), ("annotations", "annotation"), ("annotators", "annotator"))
        if name in counts
    ]
    of = f" It holds {listed(known)}." if known else ""
    return (
        f"Release {manifest['number']} of the project {say(manifest['project'].get('name', ''))}: what people answered "
        f"up to {moment(manifest['cutoff'])}, as rows that trainers load as they are.{of}"
    )


def collected(manifest: Manifest, say: Say = as_it_is) -> list[str]:
    """Where prompts and responses come from."""
    sources = manifest.get("sources", {})
    said = ["The prompts were imported into the project, or written by people in it."]
    models = sources.get("models", {})
    if models:
        named = [f"{say(name or 'without a name')} ({number:,})" for name, number in models.items()]
        said.append(
            f"Responses in the rows, or that people edited into them, were made by these models: {listed(named)}."
        )
    return said


def annotated(manifest: Manifest, say: Say = as_it_is) -> list[str]:
    """Who was asked what, how many of them, and by which rules."""
    sources, counts = manifest.get("sources", {}), manifest.get("counts", {})
    said = []
    for queue in sources.get("queues", ()):
        forms = queue.get("form_versions", ())
        form = f", by {versions(forms)} of its form" if forms else ""
        asked = counted(queue["overlap"], "person answers", "people answer") if "overlap" in queue else "People answer"
        said.append(f"In the queue {say(queue.get('name') or queue['slug'])}, {asked} each prompt{form}.")
    guidelines = sources.get("guidelines_versions", ())
    if guidelines:
        said.append(f"The annotators had the guidelines before them, in {versions(guidelines)}.")
    if "annotations" in counts and "annotators" in counts:
        made = counted(counts["annotations"], "annotation")
        said.append(f"{counted(counts['annotators'], 'person', 'people')} made {made}.")
    said.append(PSEUDONYMS)
    return said


PSEUDONYMS = (
    "People stand in the files under pseudonyms: a person has the same one throughout the release and another one in "
    "every other release. The files hold no names and no addresses of annotators."
)


def divided(manifest: Manifest) -> list[str]:
    """Which rows are in which part. The rule tells the shares."""
    splits = manifest.get("splits", {})
    if not splits.get("ratios") and not any(file.get("split") for file in manifest.get("files", ())):
        return [f"The dataset is not divided: everything is in one part, which loaders know as `{UNDIVIDED}`."]
    rule = f"{splits['rule'].rstrip('.')}." if splits.get("rule") else ""
    return [" ".join(filter(None, (rule, "All rows of a prompt are in one part.")))]


def files_of(manifest: Manifest, kind: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The files that hold the rows of a format. They are all of one kind."""
    return [file for file in manifest.get("files", ()) if file.get("format") == kind["format"]]


def parts(manifest: Manifest, kind: Mapping[str, Any]) -> dict[str, int]:
    """The rows of each part of a format, in the order of its files; the undivided whole under its loader's name."""
    found: dict[str, int] = {}
    for file in files_of(manifest, kind):
        part = file.get("split") or UNDIVIDED
        found[part] = found.get(part, 0) + file.get("rows", 0)
    return found


def agreed(manifest: Manifest) -> list[tuple[str, str]]:
    """How far raters agree in each format: its name, with the mean and over how many rows it is."""
    found = manifest.get("agreement") or {}
    return [(name, _agreement(value)) for name, value in found.items()]


def _agreement(value: float | Mapping[str, Any]) -> str:
    """Releases of earlier versions tell the mean alone."""
    if isinstance(value, Mapping):
        return f"{value['mean']:.3f} over {counted(value['rows'], 'row')} of two raters or more"
    return f"{value:.3f}"


def removed(manifest: Manifest) -> list[tuple[str, str, int]]:
    """What each rule left out: the format, what one count means, how many."""
    return [
        (kind["format"], rule.get("meaning") or rule["rule"], rule["count"])
        for kind in manifest.get("formats", ())
        for rule in kind.get("removed", ())
    ]


def warned(manifest: Manifest) -> list[tuple[str, str]]:
    """What to know before training: the format, or “all formats”, and a sentence."""
    every = [("all formats", said) for said in manifest.get("warnings", ())]
    return every + [(kind["format"], said) for kind in manifest.get("formats", ()) for said in kind.get("warnings", ())]
