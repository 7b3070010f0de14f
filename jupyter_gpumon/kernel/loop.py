"""The code of a ``%%gpumon --repeat`` cell as the body of a loop. Loaded with the magics: it imports nothing more."""

from __future__ import annotations

import ast


class Looped(ast.NodeTransformer):
    """Puts the code of a cell that begins with ``%%gpumon --repeat`` into a loop; its last expression is shown once."""

    _RUN, _LAST = "_gpumon_run", "_gpumon_last"

    def __init__(self, opener: str) -> None:
        self._opener = opener

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Look at a cell's first statement."""
        call = self._call(node.body[0]) if node.body else None
        if call is None:
            return node
        body, shown = list(node.body[1:]), []
        if body and isinstance(body[-1], ast.Expr):
            last = body[-1]
            kept = ast.Assign(targets=[ast.Name(self._LAST, ast.Store())], value=last.value)
            body[-1] = ast.copy_location(kept, last)
            shown = [ast.copy_location(ast.Expr(ast.Name(self._LAST, ast.Load())), last)]
        loop = ast.For(target=ast.Name(self._RUN, ast.Store()), iter=call, body=body or [ast.Pass()], orelse=[])
        node.body = [ast.copy_location(loop, call), *shown]
        return ast.fix_missing_locations(node)

    def _call(self, statement: ast.stmt) -> ast.Call | None:
        """The call that opens the measurement, where it asks for repetition."""
        if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
            return None
        called = statement.value.func
        if not isinstance(called, ast.Attribute) or called.attr != "run_line_magic":
            return None
        words = [word.value for word in statement.value.args if isinstance(word, ast.Constant)]
        asked = len(words) == 2 and words[0] == self._opener
        repeated = asked and any(word.split("=")[0] == "--repeat" for word in str(words[1]).split())
        return statement.value if repeated else None
