"""Typed Pulumi components for serving language models on GKE, and the plans that prove and price them.

Every name other programs use is here: `from inference_components import ModelServer, ModelServerConfig, TgiEngine`.
classes/__init__.py lists the Pulumi classes and public.py the rest. They load when they are asked for, so that what
plans, proves or prices does without Pulumi.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .classes import *  # noqa: F403
    from .public import *  # noqa: F403
else:
    from importlib import import_module

    def __getattr__(name: str) -> object:
        """A public name, from where it is defined."""
        if name == "__all__":
            return __dir__()
        if not name.startswith("_"):
            for home in (".public", ".classes"):
                module = import_module(home, __name__)
                if name in _names(module):
                    return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """Every public name."""
        return sorted(name for home in (".public", ".classes") for name in _names(import_module(home, __name__)))

    def _names(module: object) -> list[str]:
        """What a module imports to hand it on; its own submodules are no part of it."""
        return [name for name, value in vars(module).items() if name[0] != "_" and value.__class__.__name__ != "module"]
