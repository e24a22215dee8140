"""Descriptor for an argument ``dry_run``, which has the same name as a method of Airflow's operators."""

from __future__ import annotations

from typing import Any, Self

from airflow_provider_imagekit.compat import AIRFLOW_3, BaseOperator

__all__ = ["DryRunArgument"]


class _Callable:
    """The value on Airflow 2. A call with a context renders it; a call without one runs Airflow's method."""

    operator: Any
    value: Any

    def __call__(self, context: Any = None, jinja_env: Any = None) -> Any:
        if context is None:
            return BaseOperator.dry_run(self.operator)
        return self.operator.render_template(self.value, context, jinja_env)


class _Flag(_Callable, int):
    def __repr__(self) -> str:
        return repr(self.value)


class _Text(_Callable, str):
    pass


class DryRunArgument:
    """
    Descriptor for the argument ``dry_run`` of an operator.

    Airflow renders a template in the attribute with the argument's name, and ``airflow tasks test --dry-run``
    of Airflow 2 calls the method of that name. So on Airflow 2 the value is callable.
    """

    def __get__(self, operator: BaseOperator | None, _: type[BaseOperator]) -> Self | Any:
        """Return the value."""
        if operator is None:
            return self
        value = vars(operator).get("dry_run", False)
        if AIRFLOW_3 or not isinstance(value, bool | str):
            return value
        found: Any = _Text(value) if isinstance(value, str) else _Flag(value)
        found.operator, found.value = operator, value
        return found

    def __set__(self, operator: BaseOperator, value: Any) -> None:
        """Store the value."""
        vars(operator)["dry_run"] = getattr(value, "value", value) if isinstance(value, _Callable) else value
