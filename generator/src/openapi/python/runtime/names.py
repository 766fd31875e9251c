"""Names that patterns mean."""

import re
from typing import Sequence


def chosen_names(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """The names that patterns mean, each once; `*` stands for any text.

    Raises ValueError for a pattern that means none.
    """
    chosen: dict[str, None] = {}
    for pattern in patterns:
        form = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
        found = [name for name in names if form.fullmatch(name)]
        if not found:
            some = ", ".join(names[:5]) or "none"
            raise ValueError(f'no operation is called "{pattern}"; there are: {some}')
        chosen.update(dict.fromkeys(found))
    return list(chosen)
