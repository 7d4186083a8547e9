"""Makes the ledgers of files/ with real writers, and beside each what must come out of it."""

import csv
import datetime
import importlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import openpyxl
import xlsxwriter

HERE = pathlib.Path(__file__).parent
FILES = HERE / "files"
ROOMS = ["encodings", "numbers", "dates", "letters", "forms", "whole"]
MADE_AT = datetime.datetime(2026, 5, 16, 9, 0, 0)

traps = {}


def trap(name, meaning, **expectation):
    """Registers a maker: it answers {file name: bytes} for a folder, or (ending, bytes) for one file."""

    def register(maker):
        assert name not in traps, name
        traps[name] = (maker, {"trap": meaning, **expectation})
        return maker

    return register


def table(rows, encoding="cp932", newline="\r\n", separator=","):
    """A CSV file as Excel writes it: quotes only where they are needed."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=newline).writerows(rows)
    return out.getvalue().encode(encoding)


def by_openpyxl(fill):
    """A workbook by openpyxl; `fill` gets the book, whose one sheet is called 機器."""
    book = openpyxl.Workbook()
    book.active.title = "機器"
    book.properties.creator = "daicho"
    book.properties.created = book.properties.modified = MADE_AT
    fill(book)
    out = io.BytesIO()
    book.save(out)
    return dated(out.getvalue())


def by_xlsxwriter(fill, **options):
    """A workbook by xlsxwriter; `fill` gets the book and adds its sheets."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, **options})
    book.set_properties({"created": MADE_AT})
    fill(book)
    book.close()
    return dated(out.getvalue())


def sheet_of(book, name, rows):
    """Adds a sheet to a book of xlsxwriter, every text as text."""
    sheet = book.add_worksheet(name)
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, column, value)
            elif value is not None:
                sheet.write_number(number, column, value)
    return sheet


def dated(workbook, change=None):
    """The same zip with fixed times; `change` may replace the bytes of a part."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            data = old.read(part)
            if change:
                data = change(part.filename, data)
            info = zipfile.ZipInfo(part.filename, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, data)
    return out.getvalue()


def by_libreoffice(workbook, ending, form=None):
    """What LibreOffice makes of a workbook when it is asked for another form."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "in.xlsx").write_bytes(workbook)
        subprocess.run(
            ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile", "--convert-to",
             form or ending, "--outdir", str(folder / "out"), str(folder / "in.xlsx")],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        return (folder / "out" / f"in.{ending}").read_bytes()


def main(names):
    sys.path.insert(0, str(HERE))
    sys.modules.setdefault("make", sys.modules["__main__"])
    for room in ROOMS:
        importlib.import_module(f"traps.{room}")
    for name, (maker, expectation) in traps.items():
        if names and name not in names:
            continue
        made = maker()
        for old in [FILES / name, *FILES.glob(f"{name}.*")]:
            shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
        if isinstance(made, dict):
            (FILES / name).mkdir(parents=True)
            for file, content in made.items():
                (FILES / name / file).write_bytes(content)
            read = name
        else:
            ending, content = made
            read = f"{name}.{ending}"
            (FILES / read).write_bytes(content)
        text = json.dumps({"read": read, **expectation}, ensure_ascii=False, indent=1)
        (FILES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(names or traps)} made, {len(traps)} traps")


if __name__ == "__main__":
    main(sys.argv[1:])
