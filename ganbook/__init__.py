"A book on image generation with GANs that runs: this package is what its chapters export."
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import create_gan as create_gan
    from .api import load as load

__version__ = "0.1.0"
__all__ = ["__version__", "create_gan", "load"]


def __getattr__(name: str) -> Any:
    "`create_gan` and `load` live in `ganbook.api`, which is imported when first asked for."
    if name in ("create_gan", "load"):
        return getattr(import_module(".api", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
