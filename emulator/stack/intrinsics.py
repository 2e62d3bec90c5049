"""The value of a piece of template: intrinsic functions, pseudo parameters and conditions.

Each function does what CloudFormation's does; one that is not implemented is refused by name.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from emulator.identity import Identity
from emulator.stack.errors import TemplateError

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")


class _Nothing:
    """What Ref AWS::NoValue gives: the property or item that holds it disappears."""


class Deferred:
    """A value that is known only once resources exist; whatever is made from it is deferred too."""


NOTHING = _Nothing()
DEFERRED = Deferred()


class ResourceLookup(Protocol):
    """Where Ref and Fn::GetAtt find resources: recorded while planning, looked up while creating."""

    def has(self, logical_id: str) -> bool:
        """Whether the template has the resource, its condition aside."""

    def reference(self, logical_id: str, where: str) -> Any:
        """What Ref gives for the resource."""

    def attribute(self, logical_id: str, name: str, where: str) -> Any:
        """What Fn::GetAtt gives for the resource."""


class NoResources:
    """The lookup where resources may not be named: conditions, rules and mappings."""

    def has(self, logical_id: str) -> bool:
        """No resource can be named here."""
        return False

    def reference(self, logical_id: str, where: str) -> Any:
        """Never called, since there is no resource."""
        raise TemplateError(f"{where}: {logical_id} cannot be used here")

    def attribute(self, logical_id: str, name: str, where: str) -> Any:
        """Refused: conditions and rules come before resources."""
        raise TemplateError(f"{where}: Fn::GetAtt {logical_id}.{name} cannot be used in a condition or rule")


class Resolver:
    """Resolves pieces of one template for one set of parameters."""

    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, str | list[str]],
        *,
        stack_name: str,
        identity: Identity,
        imports: Mapping[str, str],
    ) -> None:
        self._mappings: Mapping[str, Any] = template.get("Mappings") or {}
        self._condition_definitions: Mapping[str, Any] = template.get("Conditions") or {}
        self._parameters = parameters
        self._imports = imports
        self._region = identity.region
        self._pseudo: dict[str, Any] = {
            "AWS::AccountId": identity.account_id,
            "AWS::Region": identity.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack_name,
            "AWS::StackId": identity.arn("cloudformation", f"stack/{stack_name}/00000000-0000-0000-0000-000000000000"),
            "AWS::NotificationARNs": [],
            "AWS::NoValue": NOTHING,
        }
        self._conditions: dict[str, bool] = {}
        self._open_conditions: list[str] = []
        self._functions: dict[str, Callable[[Any, ResourceLookup, str], Any]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
            "Fn::FindInMap": self._find_in_map,
            "Fn::If": self._if,
            "Fn::Equals": self._equals,
            "Fn::And": self._and,
            "Fn::Or": self._or,
            "Fn::Not": self._not,
            "Fn::Contains": self._contains,
            "Fn::EachMemberEquals": self._each_member_equals,
            "Fn::EachMemberIn": self._each_member_in,
            "Fn::Base64": self._base64,
            "Fn::Cidr": self._cidr,
            "Fn::GetAZs": self._get_azs,
            "Fn::ImportValue": self._import_value,
        }

    def resolve(self, value: Any, resources: ResourceLookup, where: str) -> Any:
        """The value with every intrinsic carried out; `where` names the place in error messages."""
        if isinstance(value, dict):
            name = self._function_name(value, where)
            if name is not None:
                return self._functions[name](value[name], resources, where)
            resolved = {key: self.resolve(item, resources, f"{where}.{key}") for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not NOTHING}
        if isinstance(value, list):
            items = [self.resolve(item, resources, f"{where}[{index}]") for index, item in enumerate(value)]
            return [item for item in items if item is not NOTHING]
        if isinstance(value, str):
            _refuse_dynamic_reference(value, where)
        return value

    @property
    def functions(self) -> frozenset[str]:
        """Names of the intrinsic functions that are carried out."""
        return frozenset(self._functions)

    def is_true(self, condition: str, where: str) -> bool:
        """Whether the named condition holds; conditions that need each other in a circle are refused."""
        if condition not in self._conditions:
            if condition not in self._condition_definitions:
                raise TemplateError(f"{where}: condition {condition} is not defined under Conditions")
            if condition in self._open_conditions:
                raise TemplateError(f"conditions need each other: {' -> '.join([*self._open_conditions, condition])}")
            self._open_conditions.append(condition)
            self._conditions[condition] = self.resolve_boolean(
                self._condition_definitions[condition], f"Conditions.{condition}"
            )
            self._open_conditions.pop()
        return self._conditions[condition]

    def resolve_boolean(self, value: Any, where: str) -> bool:
        """The value of a condition or assertion, in which no resource may be named."""
        return self._boolean(value, NoResources(), where)

    def _function_name(self, value: dict[str, Any], where: str) -> str | None:
        name = next(iter(value), "")
        is_intrinsic = isinstance(name, str) and (name.startswith("Fn::") or name in {"Ref", "Condition"})
        # "Condition" is an intrinsic only with a name; an IAM statement's Condition is a map.
        if not is_intrinsic or (name == "Condition" and not isinstance(value[name], str)):
            return None
        if len(value) != 1:
            if name == "Condition":
                return None
            raise TemplateError(f"{where}: {name} stands beside other keys: {', '.join(map(str, value))}")
        if name not in self._functions:
            raise TemplateError(
                f"{where}: {name.partition('::ForEach')[0]}{'::ForEach' if 'ForEach' in name else ''}"
                " is not emulated: write the value without it"
            )
        return name

    def _ref(self, name: Any, resources: ResourceLookup, where: str) -> Any:
        if name in self._parameters:
            _refuse_dynamic_reference(self._parameters[name], where)
            return self._parameters[name]
        if name in self._pseudo:
            return self._pseudo[name]
        if resources.has(name):
            return resources.reference(name, where)
        expected = "a parameter" if isinstance(resources, NoResources) else "a parameter or a resource of the template"
        raise TemplateError(f"{where}: Ref names {name}, which is not {expected}")

    def _get_att(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        if not isinstance(parts, list) or len(parts) != 2:
            raise TemplateError(f"{where}: Fn::GetAtt takes a resource and an attribute, not {argument!r}")
        name = self.resolve(parts[1], resources, where)
        if not resources.has(parts[0]) and not isinstance(resources, NoResources):
            raise TemplateError(f"{where}: Fn::GetAtt names {parts[0]}, which is not a resource of the template")
        return resources.attribute(parts[0], str(name), where)

    def _sub(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        text, variables = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
        _refuse_dynamic_reference(text, where)
        given = {name: self.resolve(value, resources, where) for name, value in variables.items()}
        deferred = False

        def replace(match: re.Match[str]) -> str:
            nonlocal deferred
            literal, name = match.groups()
            if literal:
                return f"${{{name}}}"
            name = name.strip()
            if name in given:
                value = given[name]
            elif "." in name:
                value = self._get_att(name, resources, where)
            else:
                value = self._ref(name, resources, where)
            deferred = deferred or value is DEFERRED
            return "" if value is DEFERRED else _to_text(value, where)

        resolved = _PLACEHOLDER.sub(replace, text)
        return DEFERRED if deferred else resolved

    def _join(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        separator, items = argument[0], self.resolve(argument[1], resources, where)
        if _has_deferred(items):
            return DEFERRED
        return separator.join(_to_text(item, where) for item in _as_list(items, "Fn::Join", where))

    def _split(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        text = self.resolve(argument[1], resources, where)
        return DEFERRED if text is DEFERRED else _to_text(text, where).split(argument[0])

    def _select(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        index = int(self.resolve(argument[0], resources, where))
        items = self.resolve(argument[1], resources, where)
        if items is DEFERRED:
            return DEFERRED
        if not 0 <= index < len(_as_list(items, "Fn::Select", where)):
            raise TemplateError(f"{where}: Fn::Select asks for item {index} of {len(items)}")
        return items[index]

    def _find_in_map(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        if len(argument) != 3:
            raise TemplateError(f"{where}: Fn::FindInMap takes a map and two keys; DefaultValue is not emulated")
        names = [str(self.resolve(item, NoResources(), where)) for item in argument]
        found: Any = self._mappings
        for depth, name in enumerate(names):
            if name not in found:
                place = ".".join(["Mappings", *names[:depth]])
                raise TemplateError(f"{where}: {place} has no {name}, only {', '.join(map(str, found))}")
            found = found[name]
        return found

    def _if(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        chosen = argument[1] if self.is_true(argument[0], where) else argument[2]
        return self.resolve(chosen, resources, where)

    def _condition(self, name: Any, _resources: ResourceLookup, where: str) -> bool:
        return self.is_true(name, where)

    def _equals(self, argument: Any, resources: ResourceLookup, where: str) -> bool:
        left, right = (self.resolve(item, resources, where) for item in argument)
        # CloudFormation compares text: 0 equals "0".
        return left == right or (
            _is_scalar(left) and _is_scalar(right) and _to_text(left, where) == _to_text(right, where)
        )

    def _boolean(self, value: Any, resources: ResourceLookup, where: str) -> bool:
        resolved = self.resolve(value, resources, where)
        if isinstance(resolved, bool):
            return resolved
        if resolved in {"true", "false"}:
            return bool(resolved == "true")
        raise TemplateError(f"{where}: a condition has to be true or false, not {resolved!r}")

    def _and(self, argument: Any, resources: ResourceLookup, where: str) -> bool:
        return all(self._boolean(item, resources, where) for item in argument)

    def _or(self, argument: Any, resources: ResourceLookup, where: str) -> bool:
        return any(self._boolean(item, resources, where) for item in argument)

    def _not(self, argument: Any, resources: ResourceLookup, where: str) -> bool:
        return not self._boolean(argument[0], resources, where)

    def _contains(self, argument: Any, resources: ResourceLookup, where: str) -> bool:
        items, wanted = (self.resolve(item, resources, where) for item in argument)
        return wanted in _as_list(items, "Fn::Contains", where)

    def _each_member_equals(self, argument: Any, resources: ResourceLookup, where: str) -> bool:
        items, wanted = (self.resolve(item, resources, where) for item in argument)
        return all(item == wanted for item in _as_list(items, "Fn::EachMemberEquals", where))

    def _each_member_in(self, argument: Any, resources: ResourceLookup, where: str) -> bool:
        items, allowed = (self.resolve(item, resources, where) for item in argument)
        return all(item in allowed for item in _as_list(items, "Fn::EachMemberIn", where))

    def _base64(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        text = self.resolve(argument, resources, where)
        return DEFERRED if text is DEFERRED else base64.b64encode(_to_text(text, where).encode()).decode()

    def _cidr(self, argument: Any, resources: ResourceLookup, where: str) -> Any:
        block, count, *bits = (self.resolve(item, resources, where) for item in argument)
        if _has_deferred([block, count, *bits]):
            return DEFERRED
        network = ipaddress.ip_network(str(block))
        prefix = network.max_prefixlen - int(bits[0] if bits else 8)
        blocks = [str(subnet) for subnet, _ in zip(network.subnets(new_prefix=prefix), range(int(count)), strict=False)]
        if len(blocks) < int(count):
            raise TemplateError(f"{where}: Fn::Cidr cannot make {count} blocks of /{prefix} from {block}")
        return blocks

    def _get_azs(self, argument: Any, resources: ResourceLookup, where: str) -> list[str]:
        region = self.resolve(argument, resources, where) or self._region
        # The emulated region has three zones, as the smallest of AWS's regions for new accounts have.
        return [f"{region}{zone}" for zone in "abc"]

    def _import_value(self, argument: Any, resources: ResourceLookup, where: str) -> str:
        name = str(self.resolve(argument, resources, where))
        if name not in self._imports:
            raise TemplateError(
                f"{where}: Fn::ImportValue needs the export {name}; pass it as imports={{{name!r}: ...}}"
            )
        return self._imports[name]


def _refuse_dynamic_reference(value: str | list[str], where: str) -> None:
    if any("{{resolve:" in text for text in ([value] if isinstance(value, str) else value)):
        raise TemplateError(f"{where}: dynamic references such as {{{{resolve:...}}}} are not emulated: give the value")


def _has_deferred(value: Any) -> bool:
    return value is DEFERRED or (isinstance(value, list) and any(item is DEFERRED for item in value))


def _as_list(value: Any, function: str, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise TemplateError(f"{where}: {function} takes a list, not {value!r}")
    return value


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool))


def _to_text(value: Any, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if _is_scalar(value):
        return str(value)
    raise TemplateError(f"{where}: {value!r} cannot stand inside text")
