"""Opening a model of the Hugging Face kind: on which device, how precise, with which attention and adapter.

Light to import: torch and transformers come in with ``open_model``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from workers.backends import fitting, sources
from workers.backends.base import DTYPES, Config, GeneratorError, Option
from workers.backends.chat import first_line

if TYPE_CHECKING:
    import torch

Kind = Literal["causal", "seq2seq"]

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")
# What a quantization needs beside transformers.
QUANTIZERS = {"bnb-8bit": "bitsandbytes", "bnb-4bit": "bitsandbytes", "torchao-int8": "torchao"}
FLASH = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}

OPTIONS = (
    Option("device", "Device", "auto is a GPU where there is one; cuda:1 is the second.", default="auto"),
    Option("dtype", "Precision", "auto is what the weights are stored in.", "choice", DTYPES, "auto"),
    Option(
        "device_map",
        "Spread over devices",
        "For a model that is larger than one GPU: how accelerate spreads its layers. The device is then auto.",
        "choice",
        ("none", "auto", "balanced", "balanced_low_0", "sequential"),
        "none",
    ),
    Option(
        "attention",
        "Attention",
        "auto is the fastest that the worker has.",
        "choice",
        ("auto", "eager", "sdpa", *FLASH),
        "auto",
    ),
    Option(
        "quantization",
        "Quantization",
        "Smaller weights, made while the model is loaded. The worker needs the library, bnb a GPU as well.",
        "choice",
        ("none", *QUANTIZERS),
        "none",
    ),
    Option("adapter", "LoRA adapter", "A folder on the worker, or owner/name@commit on the hub."),
    fitting.OPTION,
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A model in memory with its tokenizer, and what a provenance says of them."""

    model: Any
    tokenizer: Any
    provenance: dict[str, Any]


def check(config: Config) -> None:
    """Raise GeneratorError for what the options alone show to be wrong."""
    sources.kind_of(config)
    sources.gguf_of(config)
    sources.adapter_of(config)
    errors: dict[str, str] = {}
    asked = config.options
    if _given(asked, "device_map") and config.device != "auto":
        errors["device_map"] = "It chooses the devices itself: leave the device on auto."
    if config.device == "cpu":
        for name in ("attention", "quantization"):
            if str(asked.get(name) or "").startswith(("flash", "bnb")):
                errors[name] = f"{asked[name]} needs a GPU, and the device is cpu."
    if errors:
        raise GeneratorError.of(errors)


def open_model(config: Config, kind: Kind) -> Opened:
    """Open what the config names. Raises GeneratorError with one sentence.

    A model that transformers does not know brings its own code; that is run only where ``may_run_code`` says so.
    """
    try:
        return _open(config, kind)
    except GeneratorError:
        raise
    except ImportError as error:
        raise GeneratorError(f"A library for {config.model} is missing: {first_line(error)}") from error
    except Exception as error:  # a damaged file, an unknown architecture: they show themselves in many ways
        raise GeneratorError.of({"model": f"{config.model} cannot be loaded: {first_line(error)}"}) from error


def _open(config: Config, kind: Kind) -> Opened:
    check(config)
    device = _device(config.device)
    _check_machine(config, device)
    adapter = sources.find_adapter(config)
    source = sources.find(config, encoder_decoder=kind == "seq2seq")
    sources.check_whole(sources.check_folder(source.folder, config.model, encoder_decoder=True), config.model)

    import transformers

    chatter: Any = transformers.utils.logging
    chatter.disable_progress_bar()
    code = _needs_code(source.folder, config)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": code}
    settings = transformers.AutoConfig.from_pretrained(source.folder, **options)
    if not code:
        _check_kind(settings, kind, config.model)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.folder, **options)
    except Exception as error:
        raise GeneratorError.of(
            {"model": f"{config.model} has no tokenizer that can be read: {first_line(error)}"}
        ) from error
    model = _read_weights(config, kind, source, settings, device, options)
    provenance = {
        "backend": kind,
        "model": config.model,
        "revision": source.revision,
        "source": source.note or source.kind,
        "weights_sha256": source.weights_sha256,
        **({"gguf_sha256": source.gguf_sha256} if source.gguf_sha256 else {}),
        **({"code_sha256": sources.code_sha256(source.folder)} if code else {}),
        "tokenizer_sha256": sources.tokenizer_sha256(source.folder),
        "architecture": type(model).__name__,
        "parameters": model.num_parameters(),
        "quantization": _quantization(config, settings),
    }
    libraries = [*LIBRARIES]
    if adapter:
        model, provenance["adapter"] = _with_adapter(model, adapter, merge=provenance["quantization"] == "none")
        libraries.append("peft")
    if _given(config.options, "quantization"):
        libraries.append(QUANTIZERS[config.options["quantization"]])
    if _given(config.options, "device_map"):
        provenance["device_map"] = config.options["device_map"]
        libraries.append("accelerate")
    return Opened(
        model.eval(),
        tokenizer,
        provenance
        | {
            "dtype": str(model.dtype).removeprefix("torch."),
            "attention": model.config._attn_implementation,
            "device": _device_name(model.device),
            "versions": {library: metadata.version(library) for library in libraries},
        },
    )


def _read_weights(
    config: Config, kind: Kind, source: sources.Source, settings: Any, device: "torch.device", options: dict[str, Any]
) -> Any:
    """The model with its weights, on its device."""
    import transformers

    auto: Any = transformers.AutoModelForCausalLM if kind == "causal" else transformers.AutoModelForSeq2SeqLM
    dtype = _dtype(config.dtype, settings, device)
    asked: dict[str, Any] = {}
    if _given(config.options, "attention"):
        asked["attn_implementation"] = config.options["attention"]
    if _given(config.options, "quantization"):
        asked["quantization_config"] = _quantizer(config.options["quantization"], dtype)
    if _given(config.options, "device_map"):
        asked["device_map"] = config.options["device_map"]
    elif "quantization_config" in asked:
        asked["device_map"] = {"": device}
    model, report = auto.from_pretrained(
        source.folder,
        config=settings,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        **asked,
        **options,
    )
    if report["missing_keys"]:
        # transformers only warns, and fills them with random numbers: the model would talk nonsense.
        missing = sorted(report["missing_keys"])
        raise GeneratorError.of(
            {"model": f"{config.model} is not whole: it has no weights for {missing[0]} ({len(missing)} missing)."}
        )
    if "device_map" not in asked:
        model = model.to(device)
    if "attn_implementation" not in asked:
        _take_flash_attention(model)
    return model


def _take_flash_attention(model: Any) -> None:
    """Let a model on a GPU use flash attention, the newest there is. It computes in half precision only."""
    import torch
    from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

    half = model.dtype in (torch.float16, torch.bfloat16)
    if model.device.type != "cuda" or not half or not getattr(model, "_supports_flash_attn", False):
        return
    for name, there in (
        ("flash_attention_3", is_flash_attn_3_available()),
        ("flash_attention_2", is_flash_attn_2_available()),
    ):
        if there:
            model.set_attn_implementation(name)
            return


def _with_adapter(model: Any, adapter: sources.Adapter, *, merge: bool) -> tuple[Any, dict[str, Any]]:
    """The model with the adapter in it, and what a provenance says of that.

    Merged into the weights it costs nothing while the model runs; quantized weights cannot take it up.
    """
    import warnings

    try:
        import peft
    except ImportError as error:
        raise GeneratorError.of(
            {"adapter": "The library peft is missing on the generation worker. Install it with: pip install peft"}
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)  # peft asks transformers by its older names
            warnings.filterwarnings("error", message=".*missing adapter keys")
            loaded = peft.PeftModel.from_pretrained(model, str(adapter.folder), local_files_only=True)
    except Exception as error:  # layers that the model does not have, or of another size
        raise GeneratorError.of({"adapter": f"{adapter.name} does not fit this model: {first_line(error)}"}) from error
    with_it = loaded.merge_and_unload() if merge else loaded.get_base_model()
    said = {"name": adapter.name, "revision": adapter.revision, "sha256": adapter.sha256, "merged": merge}
    return with_it, said


def _check_kind(settings: Any, kind: Kind, name: str) -> None:
    """Raise GeneratorError for a model that is not of the backend's kind."""
    from transformers.models.auto import modeling_auto

    if kind == "seq2seq" and not settings.is_encoder_decoder:
        raise GeneratorError.of(
            {"model": f"{name} is not an encoder-decoder model; this backend runs those only. Try the backend causal."}
        )
    if kind == "causal" and settings.is_encoder_decoder:
        raise GeneratorError.of(
            {"model": f"{name} is an encoder-decoder model; this backend runs decoders only. Try the backend seq2seq."}
        )
    tables: Mapping[str, Any] = {
        "causal": modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        "seq2seq": modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    }
    known = tables[kind]
    classes = {one for entry in known.values() for one in (entry if isinstance(entry, tuple | list) else [entry])}
    built = set(getattr(settings, "architectures", None) or ())
    if settings.model_type not in known or (built and not built & classes):
        what = ", ".join(sorted(built)) or settings.model_type
        raise GeneratorError.of({"model": f"{name} is a {what}, which does not write text."})


def _needs_code(folder: Any, config: Config) -> bool:
    """Whether the model cannot do without code of its own. Raises GeneratorError where it may not have it."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    settings = sources.read_json(folder, "config.json", config.model)
    if not settings.get("auto_map") or settings.get("model_type") in CONFIG_MAPPING_NAMES:
        return False
    if not config.may_run_code:
        raise GeneratorError.of(
            {
                "model": f"{config.model} brings code of its own, which is not run here unless whoever runs the "
                "platform allows this model to."
            }
        )
    return True


def _check_machine(config: Config, device: "torch.device") -> None:
    """Raise GeneratorError where the worker lacks the library or the GPU that an option needs."""
    errors: dict[str, str] = {}
    asked = config.options
    quantization = str(asked.get("quantization") or "none")
    if library := QUANTIZERS.get(quantization):
        if find_spec(library) is None:
            errors["quantization"] = (
                f"{quantization} needs the library {library} on the generation worker: pip install {library}"
            )
        elif library == "bitsandbytes" and device.type != "cuda":
            errors["quantization"] = f"{quantization} needs a GPU, and this worker has none that torch can use."
    attention = str(asked.get("attention") or "auto")
    if library := FLASH.get(attention):
        if device.type != "cuda":
            errors["attention"] = f"{attention} needs a GPU, and this worker has none that torch can use."
        elif find_spec(library) is None:
            errors["attention"] = f"{attention} needs the library {library} on the generation worker."
    if errors:
        raise GeneratorError.of(errors)


def _quantizer(name: str, dtype: "torch.dtype") -> Any:
    import transformers

    if name == "torchao-int8":
        return transformers.TorchAoConfig(import_module("torchao.quantization").Int8WeightOnlyConfig())
    if name == "bnb-8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype, bnb_4bit_use_double_quant=True
    )


def _quantization(config: Config, settings: Any) -> str:
    """Which quantization the weights have: the one that was asked for, or the one they were stored with."""
    if _given(config.options, "quantization"):
        return str(config.options["quantization"])
    stored = getattr(settings, "quantization_config", None)
    if not stored:
        return "none"
    method = stored.get("quant_method") if isinstance(stored, dict) else getattr(stored, "quant_method", "")
    return f"as stored: {getattr(method, 'value', method)}"


def _given(options: Mapping[str, Any], name: str) -> bool:
    """Whether an option says anything but its default."""
    return options.get(name) not in (None, "", "none", "auto") or (name == "device_map" and options.get(name) == "auto")


def _device(name: str) -> "torch.device":
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda") and (
        not torch.cuda.is_available() or (torch.device(name).index or 0) >= torch.cuda.device_count()
    ):
        raise GeneratorError.of({"device": f"This machine has no {name} that torch can use."})
    return torch.device(name)


def _device_name(device: "torch.device") -> str:
    import torch

    name: str = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return name


def _dtype(name: str, settings: Any, device: "torch.device") -> "torch.dtype":
    """The dtype to compute in: the one that was asked for, or the one the weights are stored in."""
    import torch

    if name != "auto":
        asked: torch.dtype = getattr(torch, name)
        return asked
    stored = getattr(settings.get_text_config(decoder=True), "dtype", None) or torch.float32
    if device.type == "cpu" and stored in (torch.float16, torch.bfloat16):
        abilities = torch.cpu.get_capabilities()
        fast = any(abilities.get(ability) for ability in ("avx512_bf16", "amx_bf16", "bf16"))  # the last is ARM's
        # Processors without it emulate half precision, and are slower with it than in float32.
        return torch.bfloat16 if fast and stored is torch.bfloat16 else torch.float32
    return stored if isinstance(stored, torch.dtype) else torch.float32
