"""YAML as render writes it: the same text for the same data, one value a line."""

from typing import Any

import yaml


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # the C dumper is ten times faster
    """A safe dumper without anchors, which CloudFormation does not take and which tie lines to each other."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class LiteralText(str):
    """A text of several lines that stays so: a block that begins with |."""

    __slots__ = ()


def _represent_literal(dumper: _Dumper, text: LiteralText) -> yaml.ScalarNode:
    node: yaml.ScalarNode = dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|")
    return node


_Dumper.add_representer(LiteralText, _represent_literal)


def to_yaml(data: Any) -> str:
    """The data as YAML, its keys in their order."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return text
