"""Compares workbooks before and after they were written back, by openpyxl, which shares no code with Daicho.

python compare.py FOLDER: for each NAME.json there, {"touched": [["sheet", "B5"], ...]}, the files NAME.before.xlsx and
NAME.after.xlsx (or .xlsm) must hold the same but for the touched cells. With FOLDER/opened/NAME.after.xlsx, what
LibreOffice made of it, its cells must hold the same texts. Prints one line for each difference, and how many it compared.
"""

import json
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils import range_boundaries

# Parts that may change: the workbook's own, comments and their drawings, tables, the version and what refers to them.
MAY_CHANGE = ("[Content_Types].xml", "docProps/custom.xml", "xl/workbook.xml")


def parts(before, after, changed):
    with zipfile.ZipFile(before) as old, zipfile.ZipFile(after) as new:
        for name in old.namelist():
            if name in MAY_CHANGE or name.endswith((".rels", ".vml")) or "comments" in name or "/tables/" in name:
                continue
            if name not in new.namelist():
                yield f"part {name} is gone"
            elif old.read(name) != new.read(name) and not (name.startswith("xl/worksheets/") and changed):
                yield f"part {name} changed"


# The order of a worksheet's elements (ECMA-376 part 1, 18.3.1.99): Excel repairs a file with another, LibreOffice is silent.
ORDER = """sheetPr dimension sheetViews sheetFormatPr cols sheetData sheetCalcPr sheetProtection protectedRanges scenarios
autoFilter sortState dataConsolidate customSheetViews mergeCells phoneticPr conditionalFormatting dataValidations hyperlinks
printOptions pageMargins pageSetup headerFooter rowBreaks colBreaks customProperties cellWatches ignoredErrors smartTags
drawing legacyDrawing legacyDrawingHF drawingHF picture oleObjects controls webPublishItems tableParts extLst""".split()


def order(after):
    with zipfile.ZipFile(after) as book:
        for name in book.namelist():
            if not (name.startswith("xl/worksheets/") and name.endswith(".xml")):
                continue
            root = ElementTree.fromstring(book.read(name))
            found = [child.tag.rsplit("}")[-1] for child in root]
            known = [ORDER.index(tag) for tag in found if tag in ORDER]
            if known != sorted(known) or found.count("legacyDrawing") > 1:
                yield f"{name}: elements out of order: {found}"
            rows = [int(row.get("r", 0)) for row in root.iter() if row.tag.endswith("}row")]
            if all(rows) and rows != sorted(set(rows)):
                yield f"{name}: rows out of order"
            for row in (row for row in root.iter() if row.tag.endswith("}row")):
                cells = [openpyxl.utils.cell.coordinate_from_string(cell.get("r")) for cell in row if cell.get("r")]
                columns = [openpyxl.utils.column_index_from_string(column) for column, _ in cells]
                if columns != sorted(set(columns)):
                    yield f"{name}: cells of row {row.get('r')} out of order"


def styled(cell):
    # The whole style: font, fill, border, alignment, protection, number format.
    return cell._style if cell.has_style else None


def said(value):
    # A formula that fills an area is an object of its own each time.
    return (value.ref, value.text) if hasattr(value, "ref") else str(value)


def areas(ranges):
    return {str(area) for area in ranges}


def sheets(before, after, touched):
    cells = 0
    if before.sheetnames != after.sheetnames:
        yield f"sheets {before.sheetnames} became {after.sheetnames}"
        return
    for name in before.sheetnames:
        old, new = before[name], after[name]
        if not hasattr(old, "iter_rows"):
            continue
        ours = {address for sheet, address in touched if sheet == name}
        rows = {openpyxl.utils.cell.coordinate_from_string(address)[1] for address in ours}
        # A row in which nothing stood is a new one; any other keeps the style of each cell.
        added = {row for row in rows if row > old.max_row or all(cell.value is None for cell in old[row])}
        if not areas(old.merged_cells.ranges) <= areas(new.merged_cells.ranges):
            yield f"{name}: merged areas are lost"
        for area in areas(new.merged_cells.ranges) - areas(old.merged_cells.ranges):
            if range_boundaries(area)[1] not in added:
                yield f"{name}: {area} is merged"
        widths = [{key: (of.width, of.hidden) for key, of in page.column_dimensions.items()} for page in (old, new)]
        if widths[0] != widths[1]:
            yield f"{name}: widths {widths}"
        heights = [{key: (of.height, of.hidden) for key, of in page.row_dimensions.items() if key not in added}
                   for page in (old, new)]
        if heights[0] != heights[1]:
            yield f"{name}: heights differ"
        for of in ("freeze_panes", "print_area", "print_title_rows"):
            if of != "print_area" and getattr(old, of) != getattr(new, of):
                yield f"{name}: {of} differs"
        if len(old.conditional_formatting) != len(new.conditional_formatting):
            yield f"{name}: conditional formats differ"
        if len(old.data_validations.dataValidation) != len(new.data_validations.dataValidation):
            yield f"{name}: validations differ"
        if set(old.tables) != set(new.tables):
            yield f"{name}: tables differ"
        for row in new.iter_rows(1, max(old.max_row, new.max_row)):
            for cell in row:
                cells += 1
                was = old._cells.get((cell.row, cell.column))
                value = was.value if was is not None else None
                at = f"{name}!{cell.coordinate}"
                note = was.comment.text if was is not None and was.comment else None
                if note and (not cell.comment or note not in cell.comment.text):
                    yield f"{at}: the comment {note!r} is lost"
                if cell.coordinate in ours:
                    continue
                if isinstance(value, float) and value != value:
                    continue
                if said(value) != said(cell.value):
                    yield f"{at}: {value!r} became {cell.value!r}"
                if was is not None and styled(was) != styled(cell) and cell.row not in added:
                    yield f"{at}: another style"
        for address in ours:
            column, row = openpyxl.utils.cell.coordinate_from_string(address)
            was = old._cells.get((row, openpyxl.utils.column_index_from_string(column)))
            if row in added:
                continue
            if was is not None and styled(was) != styled(new[address]):
                yield f"{name}!{address}: changed, and its style too"
            if was is not None and was.value is not None and new[address].comment is None:
                yield f"{name}!{address}: changed, and no comment tells so"
    print(f"compared {cells} cells")


def opened(after, other):
    for name in after.sheetnames:
        if name not in other.sheetnames:
            yield f"LibreOffice has no sheet {name}"
            continue
        page = after[name]
        if not hasattr(page, "iter_rows"):
            continue
        for row in page.iter_rows():
            for cell in row:
                # What LibreOffice calculates anew is its own affair.
                if isinstance(cell.value, str) and cell.data_type != "f":
                    there = other[name][cell.coordinate].value
                    if str(there or "").replace("\r", "") != cell.value.replace("_x000D_", "").replace("\r", ""):
                        yield f"LibreOffice reads {name}!{cell.coordinate} as {there!r}, not {cell.value!r}"
                if cell.comment and not other[name][cell.coordinate].comment:
                    yield f"LibreOffice shows no comment on {name}!{cell.coordinate}"


def main():
    folder, wrong, count = Path(sys.argv[1]), 0, 0
    for facts in sorted(folder.glob("*.json")):
        touched = json.loads(facts.read_text())["touched"]
        before, after = (next(folder.glob(f"{facts.stem}.{which}.xls?")) for which in ("before", "after"))
        found = list(parts(before, after, touched)) + list(order(after))
        books = [openpyxl.load_workbook(path, keep_vba=path.suffix == ".xlsm") for path in (before, after)]
        found += sheets(*books, touched)
        converted = folder / "opened" / f"{facts.stem}.after.xlsx"
        if (folder / "opened").is_dir():
            if converted.is_file():
                found += opened(books[1], openpyxl.load_workbook(converted))
            else:
                found.append("LibreOffice did not open it")
        for line in found[:20]:
            print(f"{facts.stem}: {line}")
        wrong, count = wrong + len(found), count + 1
    print(f"{count} workbooks, {wrong} differences")
    sys.exit(1 if wrong or not count else 0)


main()
