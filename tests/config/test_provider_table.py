"""`providers`: tables of codes of one's own, with the line of each mistake in the file."""

from pathlib import Path

import pytest

from exporter.config import Config
from exporter.config.provider_table import CLASSES, MAX_CODES
from exporter.diagnosis.check_calls import _CLASSES
from tests.config.files import loaded, refused, refused_with_lines

GOOD = "1204\t503\trouting\tno route\ttry later"
USED = "nodes: [{gateways: {g: {provider: acme}}}]\n"


def config(folder: Path, table: str, keys: str = "file: acme.tsv, header: X-Acme-Error") -> Config:
    """A config with this table, which a gateway uses."""
    (folder / "acme.tsv").write_text(table)
    return loaded(folder, f"{USED}providers: {{acme: {{{keys}}}}}")


def wrong(folder: Path, table: str) -> list[str]:
    """What is said of the table, without the folder in front."""
    (folder / "acme.tsv").write_text(table)
    text = f"{USED}providers: {{acme: {{file: acme.tsv, phrase: true}}}}"
    return [problem.removeprefix(f"{folder}/") for problem in refused_with_lines(folder, text)]


def test_the_doctor_has_words_for_every_class() -> None:
    assert {*CLASSES, "other"} == set(_CLASSES)


def test_a_table_is_read(tmp_path: Path) -> None:
    table = f"# code ...\n\n{GOOD}\n  E-7 \t0\tbilling\t no credit \ttop up \n"
    made = config(tmp_path, table)
    assert made.nodes[0].gateways["g"].provider == "acme"
    assert made.warnings == ()
    (own,) = made.provider_tables.values()
    assert own.header == "X-Acme-Error"
    assert own.rows == (
        ("1204", 503, "routing", "no route", "try later"),
        ("E-7", 0, "billing", "no credit", "top up"),
    )


@pytest.mark.parametrize(
    ("keys", "header"),
    [
        ("file: acme.tsv, phrase: true", None),
        ("file: acme.tsv, phrase: false, header: Reason", "Reason"),
        ("file: acme.tsv, header: p-acme", "p-acme"),
    ],
)
def test_where_the_codes_stand(tmp_path: Path, keys: str, header: str | None) -> None:
    assert config(tmp_path, GOOD, keys).provider_tables["acme"].header == header


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1204 503 routing no-route later", "has 1 columns; write code, SIP status, class, what it means, "),
        ("1204\t503\trouting\tno route", "has 4 columns; write code, "),
        (f"{GOOD}\tmore", "has 6 columns; write code, "),
        ("\t503\trouting\ta\tb", "has the code ''; write up to 32 letters, digits and . _ -"),
        ("a b\t503\trouting\ta\tb", "has the code 'a b'; write up to 32"),
        ('a"}\t503\trouting\ta\tb', "has the code 'a\"}'; write up to 32"),
        ("other\t503\trouting\ta\tb", "has the code 'other'; write"),
        (f"{'1' * 33}\t503\trouting\ta\tb", "has the code '1111"),
        ("1\t200\trouting\ta\tb", "has the SIP status '200'; write 300 to 699, or 0 for any"),
        ("1\t\trouting\ta\tb", "has the SIP status ''; write"),
        ("1\t503.0\trouting\ta\tb", "has the SIP status '503.0'; write"),
        ("1\t503\trooting\ta\tb", "has the class 'rooting'; did you mean routing?"),
        ("1\t503\tx\ta\tb", "has the class 'x'; write one of account, authentication, "),
        ("1\t503\trouting\t\tb", "does not say what it means; write 1 to 200 printable characters"),
        ("1\t503\trouting\ta\t ", "does not say what to do; write"),
        (f"1\t503\trouting\t{'a' * 201}\tb", "does not say what it means; write"),
        ("1\t503\trouting\ta\tb\x1b[2J", "does not say what to do; write"),
        (GOOD, "has code 1204 again, as line 2; keep one"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    (problem,) = wrong(tmp_path, f"# codes\n{GOOD}\n{line}\n")
    assert problem.startswith(f"acme.tsv:3: {message}")


def test_all_wrong_lines_are_named_up_to_a_number(tmp_path: Path) -> None:
    assert [problem.split(": ")[0] for problem in wrong(tmp_path, "a\nb\n\nc\n")] == [
        *("acme.tsv:1", "acme.tsv:2", "acme.tsv:4")
    ]
    assert len(wrong(tmp_path, "a\n" * 1000)) == 50


def test_there_are_at_most_so_many_codes(tmp_path: Path) -> None:
    rows = "".join(f"{number}\t0\trouting\ta\tb\n" for number in range(MAX_CODES))
    assert len(config(tmp_path, rows).provider_tables["acme"].rows) == MAX_CODES
    (problem,) = wrong(tmp_path, f"{rows}x1\t0\trouting\ta\tb\nx2\t0\trouting\ta\tb\n")
    assert problem.startswith(f"acme.tsv:{MAX_CODES + 1}: is code {MAX_CODES + 1}; keep the {MAX_CODES}")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("{}", "providers.acme.file: is missing; write the path of the table of its codes"),
        (
            "{file: acme.tsv}",
            "providers.acme: does not say where its codes stand; write header: X-..., or phrase: true",
        ),
        (
            "{file: acme.tsv, header: X-A, phrase: true}",
            "providers.acme: has header and phrase; keep one; write header: X-..., or phrase: true",
        ),
        (
            "{file: acme.tsv, header: Server}",
            "providers.acme.header: is 'Server'; write Reason, or a name that begins with X- or P-, such as ",
        ),
        ("{file: acme.tsv, header: X-FS-Support}", "providers.acme.header: is 'X-FS-Support'; write Reason,"),
        ("{file: none.tsv, phrase: true}", "providers.acme.file: cannot read FOLDER/none.tsv: No such file"),
        ("{file: empty.tsv, phrase: true}", "providers.acme.file: is FOLDER/empty.tsv, which has no code;"),
        ("{file: acme.tsv, phrase: true, haeder: X-A}", "providers.acme.haeder: unknown key; did you mean"),
    ],
)
def test_what_is_wrong_with_a_provider(tmp_path: Path, keys: str, problem: str) -> None:
    (tmp_path / "acme.tsv").write_text(GOOD)
    (tmp_path / "empty.tsv").write_text("# nothing yet\n")
    (found,) = refused(tmp_path, f"{USED}providers: {{acme: {keys}}}")
    assert found.startswith(problem.replace("FOLDER", str(tmp_path)))


@pytest.mark.parametrize("name", ["telnyx", "twilio"])
def test_a_table_of_the_exporters_own_keeps_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "acme.tsv").write_text(GOOD)
    text = f"providers: {{{name}: {{file: acme.tsv, phrase: true}}}}"
    assert refused(tmp_path, text) == [
        f"providers.{name}: is a table of the exporter's own; write another name"
    ]


def test_a_gateway_names_one_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "acme.tsv").write_text(GOOD)
    own = "providers: {acme: {file: acme.tsv, phrase: true}}"
    assert refused(tmp_path, f"nodes: [{{gateways: {{g: {{provider: acne}}}}}}]\n{own}") == [
        "nodes[0].gateways.g.provider: is 'acne'; did you mean acme?"
    ]


def test_one_that_no_gateway_names_is_a_slip(tmp_path: Path) -> None:
    (tmp_path / "acme.tsv").write_text(GOOD)
    made = loaded(tmp_path, "providers: {acme: {file: acme.tsv, phrase: true}}")
    (warning,) = made.warnings
    assert warning.endswith(
        "providers.acme: is no gateway's provider; write `provider: acme` under a gateway"
    )
