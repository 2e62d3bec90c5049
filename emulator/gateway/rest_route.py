"""Which operation of a REST service a method and a path mean."""

from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True)
class Route:
    """A template such as /2015-03-31/functions/{FunctionName}/invocations, cut at its slashes."""

    method: str
    segments: tuple[str, ...]
    query: tuple[str, ...]  # constants that the query must hold, such as "tagging"
    operation: str

    def match(self, method: str, segments: list[str]) -> dict[str, str] | None:
        """The labels' values, decoded, or None where the path is another one."""
        if method != self.method:
            return None
        greedy = bool(self.segments) and self.segments[-1].endswith("+}")
        if len(segments) < len(self.segments) if greedy else len(segments) != len(self.segments):
            return None
        labels: dict[str, str] = {}
        for index, part in enumerate(self.segments):
            if part.startswith("{"):
                value = "/".join(segments[index:]) if part.endswith("+}") else segments[index]
                if not value:
                    return None
                labels[part.strip("{+}")] = unquote(value)
            elif part != segments[index]:
                return None
        return labels


def cut_path(path: str) -> list[str]:
    """The segments of a raw path; a slash at its end does not count."""
    return path.strip("/").split("/")


def make_route(method: str, template: str, operation: str) -> Route:
    """The route of an operation from its model's requestUri."""
    path, _, query = template.partition("?")
    return Route(method, tuple(cut_path(path)), tuple(query.split("&")) if query else (), operation)


class RouteTable:
    """All routes of a service, the most literal first."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes = sorted(
            routes, key=lambda route: (sum("{" in part for part in route.segments), -len(route.query))
        )

    def find(self, method: str, path: str, query: str) -> tuple[str, dict[str, str]] | None:
        """Operation and labels for a request."""
        segments = cut_path(path)
        for route in self._routes:
            if route.query and not set(route.query) <= set(query.split("&")):
                continue
            labels = route.match(method, segments)
            if labels is not None:
                return route.operation, labels
        return None
