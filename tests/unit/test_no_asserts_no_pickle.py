"""Two habits of the notebooks that no module of the packages may take up."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    path
    for package in ("models_py", "training")
    for path in (ROOT / package).rglob("*.py")
)
# modules that unpickle, and functions that do so unless told otherwise
PICKLING_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib"}
PICKLING_CALLS = {"torch.load", "torch.save", "np.load", "pd.read_pickle"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_checked_by_assert_and_nothing_is_pickled(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [f"line {node.lineno}: {what}" for node, what in _habits(tree)]
    assert not found, found


def _habits(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield node, "assert vanishes under `python -O`; raise an error"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if {name.split(".")[0] for name in names} & PICKLING_MODULES:
                yield node, "loading a pickle runs code; use safetensors or JSON"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in PICKLING_CALLS:
            yield node, f"{ast.unparse(node)} pickles; use safetensors or Parquet"
