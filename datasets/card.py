"""(to be written)"""
from pathlib import Path
def write_card(root: Path, progress=None) -> None:
    (root / "README.md").write_text("todo")
