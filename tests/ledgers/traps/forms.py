"""Sheets as people lay them out: titles, merges, hidden and struck rows, several sheets, other endings."""

import io

from msoffcrypto.format.ooxml import OOXMLFile
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font, PatternFill

from make import by_libreoffice, by_openpyxl, by_xlsxwriter, dated, sheet_of, table, trap

HEAD = ["機器ID", "ホスト名", "種別", "製造番号", "設置場所"]
ROWS = [HEAD, ["SV-01", "karte", "サーバ", "0012", "本館1F"], ["PC-01", "ward1", "端末", "00A7", "別館2F"]]
PLAIN = [
    {"device_id": "SV-01", "hostname": "karte", "kind": "server", "serial_number": "0012", "location": "本館1F"},
    {"device_id": "PC-01", "hostname": "ward1", "kind": "terminal", "serial_number": "00A7", "location": "別館2F"},
]


def plain(book):
    for row in ROWS:
        book.active.append(row)


def rows_then(rows, then=None):
    """A workbook of these rows; `then` does the rest with the sheet."""

    def fill(book):
        for row in rows:
            book.active.append(row)
        if then:
            then(book.active)
    return "xlsx", by_openpyxl(fill)


@trap("xlsx-title-rows", "a title, a date of issue, seals and an empty row above the headings", devices=[{**PLAIN[0], "row": {"row": 6}}, {**PLAIN[1], "row": {"row": 7}}])
def _():
    return rows_then([["医療情報システム機器台帳"], ["作成日", "令和8年4月1日", None, "院長", "事務長"], [], ["※網掛けは入力不要"], *ROWS], lambda sheet: sheet.merge_cells("A1:E1"))


@trap("xlsx-starts-at-c10", "the table begins at column C and row 10", devices=[{**PLAIN[0], "row": {"row": 11}}, PLAIN[1]])
def _():
    return rows_then([*[[]] * 9, *[[None, None, *row] for row in ROWS]])


@trap("xlsx-two-row-headings", "a heading over two columns with its parts below: 承認期間 over 開始日 and 終了日", media=[
    {"media_id": "U1", "serial": "AA01", "approved_from": "2025-04-01", "approved_until": "2026-03-31", "approved_by": "事務長"}], fields={"media": ["media_id", "approved_from", "approved_until", "approved_by"]})
def _():
    def fill(book):
        book.active.append(["機器ID"])
        book.active.append(["PC-01"])
        sheet = book.create_sheet("外部記録媒体")
        for row in [["媒体ID", "製造番号", "承認期間", None, "承認者"], [None, None, "開始日", "終了日", None], ["U1", "AA01", "R7.4.1", "R8.3.31", "事務長"]]:
            sheet.append(row)
        sheet.merge_cells("C1:D1")
        for column in "ABE":
            sheet.merge_cells(f"{column}1:{column}2")
    return "xlsx", by_openpyxl(fill)


@trap("xlsx-merged-down", "a place that is merged down over its machines holds for all of them",
      devices=[{"device_id": "PC-01", "location": "本館2F"}, {"device_id": "PC-02", "location": "本館2F"}, {"device_id": "PC-03", "location": "本館2F"}, {"device_id": "PC-04", "location": None}])
def _():
    return rows_then([["設置場所", "機器ID"], ["本館2F", "PC-01"], [None, "PC-02"], [None, "PC-03"], [None, "PC-04"]], lambda sheet: sheet.merge_cells("A2:A4"))


@trap("xlsx-merged-across", "a heading row of a building, merged across the table, is no machine", count={"devices": 2}, some={"devices": PLAIN})
def _():
    return rows_then([HEAD, ["◆本館", None, None, None, None], ROWS[1], ["◆別館", None, None, None, None], ROWS[2]], lambda sheet: (sheet.merge_cells("A2:E2"), sheet.merge_cells("A4:E4")))


@trap("xlsx-sheet-per-building", "one sheet for each building; its name is the place where no column says it", count={"devices": 3}, some={"devices": [
    {"device_id": "PC-01", "location": "本館2F"}, {"device_id": "PC-02", "location": "本館2F"}, {"device_id": "PC-11", "location": "別館"}]})
def _():
    def fill(book):
        sheet_of(book, "本館2F", [["管理番号", "PC名", "シリアル番号"], ["PC-01", "a", "001"], ["PC-02", "b", "002"]])
        sheet_of(book, "別館", [["シリアル番号", "管理番号", "PC名"], ["003", "PC-11", "c"]])
    return "xlsx", by_xlsxwriter(fill)


@trap("xlsx-sheet-of-no-name", "Sheet1 with our headings", devices=PLAIN, mapping={"devices": {"機器ID": "device_id"}})
def _():
    return "xlsx", by_xlsxwriter(lambda book: sheet_of(book, "Sheet1", ROWS))


@trap("xlsx-sheet-of-nothing", "a sheet whose headings fit nothing is left alone, or told; never read as machines", count={"devices": 2})
def _():
    def fill(book):
        sheet_of(book, "機器", ROWS)
        sheet_of(book, "凡例", [["記号", "意味"], ["○", "あり"], ["×", "なし"]])
    return "xlsx", by_xlsxwriter(fill)


@trap("xlsx-hidden-rows", "hidden rows and columns are rows and columns", devices=PLAIN)
def _():
    def hide(sheet):
        sheet.row_dimensions[2].hidden = True
        sheet.column_dimensions["D"].hidden = True
    return rows_then(ROWS, hide)


@trap("xlsx-filtered", "rows that a filter hides are in the ledger all the same", count={"devices": 2}, some={"devices": PLAIN})
def _():
    def fill(book):
        sheet = sheet_of(book, "機器", ROWS)
        sheet.autofilter(0, 0, 2, 4)
        sheet.filter_column("C", "種別 == 端末")
        sheet.set_row(1, None, None, {"hidden": True})
    return "xlsx", by_xlsxwriter(fill)


@trap("xlsx-table", "a table of Excel with its banner and its row of totals", count={"devices": 2}, some={"devices": PLAIN})
def _():
    def fill(book):
        sheet = sheet_of(book, "機器", ROWS)
        columns = [{"header": heading} for heading in HEAD]
        columns[0]["total_string"] = "合計"
        columns[4]["total_function"] = "count"
        sheet.add_table(0, 0, 3, 4, {"columns": columns, "total_row": True, "data": ROWS[1:]})
    return "xlsx", by_xlsxwriter(fill)


@trap("xlsx-totals-and-notes", "sums and notes below the table are no machines", count={"devices": 2}, some={"devices": PLAIN})
def _():
    return rows_then([*ROWS, ["合計", None, "2台"], [], ["※ 廃棄した機器は別表に記載すること"], ["注1) 予備機を含む"], ["更新日：令和8年4月1日"]])


@trap("csv-totals", "in a CSV file too", count={"devices": 2}, some={"devices": [{"device_id": "SV-01"}, {"device_id": "PC-01"}]})
def _():
    return {"devices.csv": table([HEAD, *ROWS[1:], ["小計", "", "1", "", ""], ["計", "2", "", "", ""], ["※　印は予備機", "", "", "", ""]])}


@trap("xlsx-struck-through", "a row that is struck through is a machine that is gone", devices=[{"device_id": "SV-01", "status": "in_use"}, {"device_id": "PC-01", "status": "retired"}])
def _():
    def strike(sheet):
        for cell in sheet[3]:
            cell.font = Font(strike=True)
    return rows_then(ROWS, strike)


@trap("xlsx-half-struck", "the old name struck through and the new one behind it, in one cell: never both as one name", faults_at_least=[], never=["wardoldward1"])
def _():
    def fill(book):
        plain(book)
        book.active["B3"] = CellRichText(TextBlock(InlineFont(strike=True), "wardold"), "ward1")
    return "xlsx", by_openpyxl(fill)


@trap("xlsx-grey", "grey may mean gone, or nothing: it is not guessed", devices=[{"device_id": "SV-01", "status": "in_use"}, {"device_id": "PC-01", "status": "in_use"}])
def _():
    def fill(sheet):
        for cell in sheet[3]:
            cell.fill = PatternFill("solid", fgColor="FFC0C0C0")
    return rows_then(ROWS, fill)


@trap("xlsx-ditto", "〃, 同上, ↑ and their like are the cell above", devices=[
    {"device_id": f"PC-{n}", "location": "本館2F", "department": "看護部"} for n in range(1, 8)])
def _():
    marks = ["〃", "同上", "↑", "″", "”", "々"]
    return rows_then([["機器ID", "設置場所", "部署"], ["PC-1", "本館2F", "看護部"], *[[f"PC-{n}", mark, mark] for n, mark in enumerate(marks, 2)]])


@trap("csv-ditto-first", "a ditto mark with nothing above it is a fault", faults=[{"row": 2, "column": "設置場所", "value": "〃"}])
def _():
    return {"devices.csv": table([["機器ID", "設置場所"], ["PC-1", "〃"], ["PC-2", "本館"]])}


@trap("csv-ditto-id", "two machines cannot have the same id: a ditto mark there is a fault", faults_at_least=[{"row": 3, "column": "機器ID"}])
def _():
    return {"devices.csv": table([["機器ID", "設置場所"], ["PC-1", "本館"], ["〃", "本館"]])}


@trap("xlsx-two-in-a-cell", "two machines in one row, each with its own line", count={"devices": 3}, some={"devices": [
    {"device_id": "PC-01", "hostname": "a", "serial_number": "S1", "location": "本館"}, {"device_id": "PC-02", "hostname": "b", "serial_number": "S2", "location": "本館"}, {"device_id": "PC-03", "hostname": "c"}]})
def _():
    return rows_then([["機器ID", "ホスト名", "製造番号", "設置場所"], ["PC-01\nPC-02", "a\nb", "S1\nS2", "本館"], ["PC-03", "c", "S3", "別館"]])


@trap("xlsx-two-and-one-in-a-cell", "two ids and one serial in a row: told", faults_at_least=[{"row": 2, "column": "製造番号"}])
def _():
    return rows_then([["機器ID", "ホスト名", "製造番号", "設置場所"], ["PC-01\nPC-02", "a\nb", "S1", "本館"]])


@trap("xlsx-headings-with-line-breaks", "headings in any order, with line breaks, remarks and marks in them", devices=[{"device_id": "PC-01", "hostname": "ward1", "serial_number": "0012", "mac_address": "00:11:22:33:44:55"}],
      fields={"devices": ["device_id", "hostname", "serial_number", "mac_address", "location"]})
def _():
    return rows_then([["設置\n場所", "シリアル\n番号", "MAC\nアドレス", "ホスト名\n（コンピュータ名）", "※管理\n番号"], ["本館", "0012", "00:11:22:33:44:55", "ward1", "PC-01"]])


@trap("xlsx-own-columns", "the hospital's own columns are kept, as written", devices=[{"device_id": "PC-01", "extra": {"IPアドレス": "１９２．１６８．０．１", "リース満了": "令和9年度", "UPS": "有", "UPS容量": "750"}}])
def _():
    return rows_then([["IPアドレス", "機器ID", "リース満了", "UPS", "UPS容量"], ["１９２．１６８．０．１", "PC-01", "令和9年度", "有", 750]])


@trap("xlsx-heading-twice", "two columns that fit one field equally well: asked, not guessed", faults_at_least=[{"row": 1, "says": "one column"}])
def _():
    return rows_then([["機器ID", "ホスト名", "ホスト名"], ["PC-01", "a", "b"]])


@trap("xlsx-furigana", "Excel keeps the reading of each name beside it; it is no part of the name", staff=[{"staff_id": "1001", "name": "田中 花子"}], never=["タナカ"])
def _():
    def fill(book):
        sheet_of(book, "機器", ROWS)
        sheet_of(book, "職員", [["職員番号", "氏名"], ["1001", "田中 花子"]])

    def with_reading(part, data):
        if part != "xl/sharedStrings.xml":
            return data
        reading = '<t>田中 花子</t><rPh sb="0" eb="2"><t>タナカ</t></rPh><rPh sb="3" eb="5"><t>ハナコ</t></rPh><phoneticPr fontId="1"/>'
        assert "<t>田中 花子</t>".encode() in data
        return data.replace("<t>田中 花子</t>".encode(), reading.encode())
    return "xlsx", dated(by_xlsxwriter(fill), with_reading)


@trap("xlsx-rich-text", "a name in two colours is one name", devices=[{"device_id": "PC-01", "hostname": "ward-east-1"}])
def _():
    def fill(book):
        sheet = sheet_of(book, "機器", [["機器ID", "ホスト名"], ["PC-01", None]])
        sheet.write_rich_string("B2", "ward-", book.add_format({"color": "red"}), "east", "-1")
    return "xlsx", by_xlsxwriter(fill)


@trap("xlsx-escaped-return", "a carriage return that Excel writes as _x000D_, and a text that only looks so", devices=[{"device_id": "PC-01", "note": "本館\n2F"}], never=["x000D"])
def _():
    def mark(part, data):
        return data.replace("本館\n2F".encode(), "本館_x000D_\n2F".encode()) if part.endswith("sharedStrings.xml") else data
    return "xlsx", dated(rows_then([["機器ID", "備考"], ["PC-01", "本館\n2F"]])[1], mark)


@trap("xlsx-chart-and-hidden-sheet", "a chart sheet and a hidden sheet of old machines", count={"devices": 3}, some={"devices": [*PLAIN, {"device_id": "PC-99", "status": "retired"}]})
def _():
    def fill(book):
        sheet_of(book, "機器", ROWS)
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=機器!$A$2:$A$3"})
        book.add_chartsheet("グラフ").set_chart(chart)
        sheet_of(book, "端末一覧", [["機器ID", "状態"], ["PC-99", "廃棄"]]).hide()
    return "xlsx", by_xlsxwriter(fill)


@trap("xlsx-inline-strings", "texts beside their cells, as report tools write them", devices=PLAIN)
def _():
    return "xlsx", by_xlsxwriter(lambda book: sheet_of(book, "機器", ROWS), constant_memory=True)


@trap("xls-libreoffice", "the old form", devices=PLAIN)
def _():
    return "xls", by_libreoffice(by_openpyxl(plain), "xls")


@trap("ods-libreoffice", "the form of LibreOffice", devices=PLAIN)
def _():
    return "ods", by_libreoffice(by_openpyxl(plain), "ods")


@trap("xlsm-libreoffice", "a workbook that may hold macros; none is run", devices=PLAIN)
def _():
    return "xlsm", by_libreoffice(by_openpyxl(plain), "xlsm", "xlsm:Calc MS Excel 2007 VBA XML")


@trap("ods-merged-and-repeated", "LibreOffice writes equal cells and rows once with a number", count={"devices": 3}, some={"devices": [
    {"device_id": "PC-1", "location": "本館", "department": "看護部"}, {"device_id": "PC-2", "location": "本館", "department": "看護部"}, {"device_id": "PC-3", "location": None, "note": "予備"}]})
def _():
    def fill(book):
        for row in [["機器ID", "設置場所", "部署", "備考"], ["PC-1", "本館", "看護部"], ["PC-2", None, "看護部"], [], [], ["PC-3", None, None, "予備"]]:
            book.active.append(row)
        book.active.merge_cells("B2:B3")
    return "ods", by_libreoffice(by_openpyxl(fill), "ods")


def looks(book):
    """What only looks say: struck through in whole and in part, hidden, merged, filled up with zeros."""
    sheet = book.active
    for row in [["機器ID", "ホスト名", "製造番号", "設置場所"], ["PC-1", "new1", 12, "本館"], ["PC-2", "ward2", 7, None], ["PC-3", "ward3", 11, None], ["PC-4", "ward4", 13, None]]:
        sheet.append(row)
    sheet["B2"] = CellRichText("new1", TextBlock(InlineFont(strike=True), "old1"))
    for row in sheet["C2:C5"]:
        row[0].number_format = "00000"
    for cell in sheet[3]:
        cell.font = Font(strike=True)
    sheet.merge_cells("D2:D4")
    sheet.row_dimensions[4].hidden = True
    sheet.column_dimensions["C"].hidden = True
    media = book.create_sheet("外部記録媒体")
    for row in [["媒体ID", "製造番号", "承認者"], ["U1", "AA01", "事務長"], ["U2", "AA02", "事務長"], ["U3", "AA03", "事務長"]]:
        media.append(row)
    for cell in media[3]:
        cell.font = Font(strike=True)
    media.sheet_state = "hidden"


LOOKS = {
    "devices": [
        {"device_id": "PC-1", "hostname": "new1", "serial_number": "00012", "location": "本館", "status": "in_use"},
        {"device_id": "PC-2", "hostname": "ward2", "serial_number": "00007", "location": "本館", "status": "retired"},
        {"device_id": "PC-3", "hostname": "ward3", "serial_number": "00011", "location": "本館", "status": "in_use"},
        {"device_id": "PC-4", "hostname": "ward4", "serial_number": "00013", "location": None, "status": "in_use"}],
    "media": [{"media_id": "U1"}, {"media_id": "U3"}],
    "never": ["old1", "AA02"],
}


@trap("xlsx-looks", "what only looks say: struck through in whole and in part, hidden, merged, filled up with zeros", **LOOKS)
def _():
    return "xlsx", by_openpyxl(looks)


@trap("ods-looks", "the same in the form of LibreOffice: a withdrawn approval that is struck through is none", **LOOKS)
def _():
    return "ods", by_libreoffice(by_openpyxl(looks), "ods")


@trap("xls-looks", "the same in the old form", **LOOKS)
def _():
    return "xls", by_libreoffice(by_openpyxl(looks), "xls")


def locked(workbook):
    out = io.BytesIO()
    file = OOXMLFile(io.BytesIO(workbook))
    file.encrypt("made-here", out)
    return out.getvalue()


@trap("xlsx-with-a-password", "a workbook that asks for a password: told in one sentence", faults=[{"says": "password"}])
def _():
    return "xlsx", locked(by_openpyxl(plain))


@trap("xlsx-named-xls", "a new workbook with an old name is read for what it is", devices=PLAIN)
def _():
    return "xls", by_openpyxl(plain)


@trap("xls-named-xlsx", "an old workbook with a new name too", devices=PLAIN)
def _():
    return "xlsx", by_libreoffice(by_openpyxl(plain), "xls")


@trap("html-named-xls", "a web page that a system offers as Excel: told, with what to do", faults=[{"says": "save it again"}])
def _():
    page = "<html><head><meta charset=\"UTF-8\"></head><body><table><tr><th>機器ID</th></tr><tr><td>PC-01</td></tr></table></body></html>"
    return "xls", page.encode()


@trap("xlsx-empty", "a workbook with nothing in it", faults=[{}])
def _():
    return "xlsx", by_openpyxl(lambda book: None)


@trap("xlsx-half-copied", "a workbook of which only the first half arrived", faults=[{"says": "save it again"}])
def _():
    whole = by_openpyxl(plain)
    return "xlsx", whole[: len(whole) // 2]


@trap("xlsx-all-faults-at-once", "every fault of every sheet in one answer", faults=[
    {"sheet": "機器", "row": 2, "column": "種別"}, {"sheet": "機器", "row": 3, "column": "機器ID"}, {"sheet": "職員", "row": 2, "column": "退職日"}, {"sheet": "アカウント", "row": 2, "column": "対象機器"}])
def _():
    def fill(book):
        sheet_of(book, "機器", [["機器ID", "種別"], ["PC-01", "冷蔵庫"], [None, "端末"]])
        sheet_of(book, "職員", [["職員番号", "退職日"], ["1", "7/5/16"]])
        sheet_of(book, "アカウント", [["対象機器", "アカウント"], ["PC-77", "tanaka"]])
    return "xlsx", by_xlsxwriter(fill)


@trap("xlsx-formula-text", "a text that begins like a formula is kept as text", devices=[{"device_id": "PC-01", "note": "=1+1", "users": "+81-3-0000-0000", "location": "@本館"}])
def _():
    return "xlsx", by_xlsxwriter(lambda book: sheet_of(book, "機器", [["機器ID", "備考", "利用者", "設置場所"], ["PC-01", "=1+1", "+81-3-0000-0000", "@本館"]]))
