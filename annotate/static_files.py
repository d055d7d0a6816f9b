"""Static files under names that carry a hash of their content, so that browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it comes without types
    """Also renames relative ``import … from`` in JavaScript modules, so one entry script brings hashed modules."""

    support_js_module_import_aggregation = True
    manifest_strict = True
