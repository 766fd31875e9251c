"""How arguments are written into requests, as the tables of OpenAPI have it."""

import json
import unittest
from typing import Any, Optional

from runtime.keys import key_of, parts_of
from runtime.request import BuiltRequest, ParameterSpec, Place, RequestSpec, build_request

COLOR: Any = {"R": 100, "G": 200}
LIST: Any = ["blue", "black"]


def build(path: str, *parameters: ParameterSpec, **values: Any) -> BuiltRequest:
    return build_request(RequestSpec("GET", path, "application/json", parameters), values)


def styled(place: Place, style: Optional[str], explode: Optional[bool], value: Any) -> str:
    parameter = ParameterSpec("color", place, style=style, explode=explode)
    built = build("/x/{color}" if place == "path" else "/x", parameter, color=value)
    return {
        "path": built.target.removeprefix("/x/"),
        "query": built.target.removeprefix("/x?"),
        "header": built.headers.get("color", ""),
        "cookie": built.headers.get("cookie", ""),
    }[place]


class Styles(unittest.TestCase):
    def test_every_style_in_every_place(self) -> None:
        for place, style, explode, value, text in (
            ("path", None, None, "blue", "blue"),
            ("path", "simple", False, LIST, "blue,black"),
            ("path", "simple", False, COLOR, "R,100,G,200"),
            ("path", "simple", True, COLOR, "R=100,G=200"),
            ("path", "label", False, LIST, ".blue,black"),
            ("path", "label", True, LIST, ".blue.black"),
            ("path", "label", True, COLOR, ".R=100.G=200"),
            ("path", "matrix", False, "blue", ";color=blue"),
            ("path", "matrix", False, LIST, ";color=blue,black"),
            ("path", "matrix", True, LIST, ";color=blue;color=black"),
            ("path", "matrix", True, COLOR, ";R=100;G=200"),
            ("query", None, None, "a b&c", "color=a%20b%26c"),
            ("query", None, None, LIST, "color=blue&color=black"),
            ("query", "form", False, LIST, "color=blue,black"),
            ("query", "form", False, COLOR, "color=R,100,G,200"),
            ("query", "form", True, COLOR, "R=100&G=200"),
            ("query", "spaceDelimited", False, LIST, "color=blue%20black"),
            ("query", "pipeDelimited", False, LIST, "color=blue%7Cblack"),
            ("query", "deepObject", True, COLOR, "color%5BR%5D=100&color%5BG%5D=200"),
            ("query", "json", None, COLOR, "color=%7B%22R%22%3A100%2C%22G%22%3A200%7D"),
            ("query", None, None, True, "color=true"),
            ("query", None, None, 2.0, "color=2"),
            ("header", None, None, LIST, "blue,black"),
            ("header", None, True, COLOR, "R=100,G=200"),
            ("cookie", None, False, LIST, "color=blue,black"),
        ):
            with self.subTest(place=place, style=style, explode=explode, value=value):
                self.assertEqual(styled(place, style, explode, value), text)  # type: ignore[arg-type]

    def test_reserved_characters_stay_where_they_may(self) -> None:
        parameter = ParameterSpec("q", "query", allow_reserved=True)
        self.assertEqual(
            build("/x", parameter, q="a/b?c:d&e#f+g").target, "/x?q=a/b?c:d%26e%23f%2Bg"
        )

    def test_a_cookie_keeps_no_reserved_characters(self) -> None:
        for explode, value, cookie in (
            (None, "a;session=evil", "p=a%3Bsession%3Devil"),
            (False, ["a;b=c", "d"], "p=a%3Bb%3Dc,d"),
            (True, {"R": "a;b=c"}, "R=a%3Bb%3Dc"),
        ):
            parameter = ParameterSpec("p", "cookie", explode=explode, allow_reserved=True)
            self.assertEqual(build("/x", parameter, p=value).headers["cookie"], cookie)

    def test_defaults_and_other_names_of_arguments(self) -> None:
        held = ParameterSpec("version", "header", argument="header_version", value="7")
        self.assertEqual(build("/x", held).headers["version"], "7")
        self.assertEqual(build("/x", held, header_version="8").headers["version"], "8")

    def test_a_value_opens_no_path_and_no_header(self) -> None:
        path = ParameterSpec("id", "path")
        for up in (".", "..", "../../admin", "..\\..\\admin", "a/../admin", "a/.", "a\\.."):
            with self.subTest(up=up), self.assertRaisesRegex(ValueError, "however it is written"):
                build("/x/{id}", path, id=up)
        for template, up in (("/x/.{id}", "./a"), ("/x/a%2f{id}", ".."), ("/x/%2E{id}", "./a")):
            with self.subTest(template=template), self.assertRaises(ValueError):
                build(template, path, id=up)
        for value, part in (
            ("a/b", "a%2Fb"),
            ("a\\b", "a%5Cb"),
            (".a/b../..c", ".a%2Fb..%2F..c"),
            ("a/.../b", "a%2F...%2Fb"),
        ):
            self.assertEqual(build("/x/{id}", path, id=value).target, f"/x/{part}")
        self.assertEqual(build("/x/{id}", path, id="...").target, "/x/%2E%2E%2E")
        self.assertEqual(build("/x/{id}", path, id="{id}").target, "/x/%7Bid%7D")
        for place, value in (("path", ""), ("header", "a\r\nb: c")):
            with self.assertRaises(ValueError):
                build("/x/{id}", ParameterSpec("id", place), id=value)  # type: ignore[arg-type]
        with self.assertRaisesRegex(ValueError, "the argument for {id} is missing"):
            build("/x/{id}", path)
        with self.assertRaises(ValueError):
            build("/x/{id}", path, id="\ud800")


class Bodies(unittest.TestCase):
    def body(self, body_type: str, value: Any) -> tuple[str, str]:
        spec = RequestSpec("POST", "/x", "application/json", body_type=body_type)
        built = build_request(spec, {"body": value})
        return (built.body or b"").decode(), built.headers["content-type"]

    def test_json_forms_texts_and_parts(self) -> None:
        text, kind = self.body("application/json", {"a": [1, "ü"]})
        self.assertEqual((json.loads(text), kind), ({"a": [1, "ü"]}, "application/json"))
        self.assertEqual(self.body("application/json", "x")[0], '"x"')
        self.assertEqual(self.body("text/plain", "x")[0], "x")
        form, _ = self.body("application/x-www-form-urlencoded", {"a": [1, 2], "b": "x y"})
        self.assertEqual(form, "a=1&a=2&b=x%20y")
        text, kind = self.body("multipart/form-data", {"a": "x", "b": {"c": 1}})
        boundary = kind.removeprefix("multipart/form-data; boundary=")
        self.assertEqual(text.count(boundary), 3)
        self.assertIn('name="b"\r\ncontent-type: application/json\r\n\r\n{"c":1}\r\n', text)

    def test_there_is_none_where_none_is_given(self) -> None:
        spec = RequestSpec("POST", "/x", "application/json", body_type="application/json")
        built = build_request(spec, {})
        self.assertIsNone(built.body)
        self.assertNotIn("content-type", built.headers)


class Keys(unittest.TestCase):
    def test_parts_come_back_whatever_they_hold(self) -> None:
        for values in (["a/b"], ["a", "b/c", "%2F"], ["..", "."], ["ü", "日本"]):
            self.assertEqual(parts_of(key_of(values), len(values)), values)
        self.assertEqual(key_of(["..", "a"]), "%2E%2E/a")

    def test_what_is_no_key_has_no_parts(self) -> None:
        for key in ("a", "a/b/c", "a/%", "a/%zz", "a/%ff"):
            self.assertIsNone(parts_of(key, 2))


if __name__ == "__main__":
    unittest.main()
