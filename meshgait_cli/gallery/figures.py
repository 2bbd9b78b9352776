"""Numbers about a gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .store import Store

__all__ = ["figures"]


def figures(store: Store, created: str) -> dict[str, Any]:
    sizes = store.place.sizes()
    vectors = sum(size for name, size in sizes.items() if name.startswith("vectors"))
    people = store.people()
    rows = sum(people.values())
    return {
        "gallery": store.place.address,
        "created": created,
        "model": store.model_id,
        "shape": list(store.shape or ()),
        "encrypted": store.encrypted,
        "search": "by an index" if rows and store.vectors_indexed() else "exact",
        "people": len(people),
        "with_several_sequences": sum(number > 1 for number in people.values()),
        "sequences": rows,
        "bytes": sum(sizes.values()),
        "vector_bytes_per_sequence": round(vectors / rows, 1) if rows else None,
        "log_entries": len(store.audit.entries()),
    }
