"""How sensitive values are."""

from typing import Literal, Optional, cast, get_args

Sensitivity = Literal["public", "internal", "confidential", "restricted"]
"""From low to high: anybody may know it, members of the tenant, those who need it, named persons."""

# In the order of their numbers in weir.context.v1.Sensitivity, from 1.
_NAMES: tuple[str, ...] = get_args(Sensitivity)


def is_sensitivity(name: object) -> bool:
    """Whether something names a sensitivity."""
    return name in _NAMES


def sensitivity_to_wire(name: Optional[Sensitivity]) -> int:
    """The number of a sensitivity on the wire; 0, not stated, for none."""
    return 0 if name is None else _NAMES.index(name) + 1


def sensitivity_from_wire(number: int) -> Optional[Sensitivity]:
    """The sensitivity that a number on the wire stands for; None when not stated."""
    known = 1 <= number <= len(_NAMES)
    return cast(Sensitivity, _NAMES[number - 1]) if known else None
