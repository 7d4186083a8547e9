"""What Excel makes of a number that was a name."""

from make import by_openpyxl, by_xlsxwriter, sheet_of, table, trap

SPOILT = "type it again"


@trap("csv-leading-zeros-lost", "the staff list lost its zeros in Excel, the accounts did not: told, and 0012 is not taken for 12",
      faults=[{"file": "accounts.csv", "row": 2, "column": "職員番号", "value": "0012"}])
def _():
    return {
        "devices.csv": table([["機器ID"], ["PC-01"]]),
        "staff.csv": table([["職員番号", "氏名"], ["12", "田中"], ["105", "鈴木"]]),
        "accounts.csv": table([["対象機器", "アカウント", "職員番号"], ["PC-01", "tanaka", "0012"]]),
    }


@trap("xlsx-leading-zeros-shown", "a number that its format shows with zeros is what the person sees: 00123",
      devices=[{"device_id": "00123"}, {"device_id": "00045", "serial_number": "0000778"}])
def _():
    def fill(book):
        sheet = book.active
        sheet.append(["機器ID", "製造番号"])
        sheet.append([123, None])
        sheet.append([45, 778])
        sheet["A2"].number_format = sheet["A3"].number_format = "00000"
        sheet["B3"].number_format = "0000000"
    return "xlsx", by_openpyxl(fill)


@trap("xlsx-leading-zeros-lost", "three of the numbers are text with zeros, one became a number without: told",
      faults=[{"row": 4, "column": "機器ID", "value": "125", "says": SPOILT}])
def _():
    return "xlsx", by_openpyxl(lambda book: [book.active.append(row) for row in [["機器ID", "ホスト名"], ["00123", "a"], ["00124", "b"], [125, "c"], ["00126", "d"]]])


@trap("xlsx-numbers-that-are-ids", "a hospital that simply counts: 1, 2, 3 are ids, and whole numbers have no fraction",
      devices=[{"device_id": "1"}, {"device_id": "2"}, {"device_id": "10", "serial_number": "123456789012"}])
def _():
    return "xlsx", by_openpyxl(lambda book: [book.active.append(row) for row in [["No", "管理番号", "シリアル番号"], [1, 1, None], [2, 2, None], [3, 10, 123456789012]]])


@trap("csv-scientific", "1.23E+11: the digits are gone", faults=[
    {"row": 2, "column": "製造番号", "value": "1.23E+11", "says": SPOILT},
    {"row": 3, "column": "製造番号", "value": "5E+12", "says": SPOILT},
    {"row": 4, "column": "機器ID", "value": "1.23457E+11", "says": SPOILT},
    {"row": 5, "column": "製造番号", "value": "１．２３Ｅ＋１１", "says": SPOILT}])
def _():
    return {"devices.csv": table([["機器ID", "製造番号"], ["PC-01", "1.23E+11"], ["PC-02", "5E+12"], ["1.23457E+11", "A1"], ["PC-03", "１．２３Ｅ＋１１"]])}


@trap("csv-serial-5e12", "5E12 as text is a serial as good as any", devices=[{"serial_number": "5E12"}, {"serial_number": "1E5"}, {"serial_number": "00E7"}])
def _():
    return {"devices.csv": table([["機器ID", "製造番号"], ["PC-01", "5E12"], ["PC-02", "1E5"], ["PC-03", "00E7"]])}


@trap("xlsx-serial-5e12", "5E12 typed into a cell without a format: Excel shows 5.00E+12 and has lost the serial",
      faults=[{"row": 2, "column": "製造番号", "says": SPOILT}])
def _():
    def fill(book):
        sheet = book.active
        sheet.append(["機器ID", "製造番号"])
        sheet.append(["PC-01", 5e12])
        sheet["B2"].number_format = "0.00E+00"
    return "xlsx", by_openpyxl(fill)


@trap("xlsx-sixteen-digits", "a double keeps fifteen digits; the sixteenth of a serial is gone",
      faults=[{"row": 2, "column": "製造番号", "says": SPOILT}, {"row": 3, "column": "製造番号", "says": SPOILT}])
def _():
    return "xlsx", by_xlsxwriter(lambda book: sheet_of(book, "機器", [["機器ID", "製造番号"], ["PC-01", 1234567890123456], ["PC-02", 12345678901234567890]]))


@trap("xlsx-id-became-a-date", "1-2 typed as an id became the second of January", faults=[{"row": 3, "column": "機器ID", "says": SPOILT}])
def _():
    def fill(book):
        sheet = sheet_of(book, "機器", [["機器ID", "ホスト名"], ["1-1号", "a"], [None, "b"]])
        sheet.write_number(2, 0, 46024, book.add_format({"num_format": 'm"月"d"日"'}))
    return "xlsx", by_xlsxwriter(fill)


@trap("csv-id-became-a-date", "and saved as CSV it is 1月2日, 3月4日 or 2003/4/5", faults=[
    {"row": 2, "column": "機器ID", "value": "1月2日", "says": SPOILT},
    {"row": 3, "column": "機器ID", "value": "2003/4/5", "says": SPOILT},
    {"row": 4, "column": "製造番号", "value": "3月4日", "says": SPOILT},
    {"row": 5, "column": "ホスト名", "value": "Jan-02", "says": SPOILT}])
def _():
    return {"devices.csv": table([["機器ID", "ホスト名", "製造番号"], ["1月2日", "a", ""], ["2003/4/5", "b", ""], ["PC-03", "c", "3月4日"], ["PC-04", "Jan-02", ""]])}


@trap("xlsx-mac-became-a-time", "00:11:22 became eleven minutes past midnight", faults=[{"row": 2, "column": "MACアドレス", "says": SPOILT}])
def _():
    def fill(book):
        sheet = sheet_of(book, "機器", [["機器ID", "MACアドレス"], ["PC-01", None], ["PC-02", "00:11:22:33:44:55"]])
        sheet.write_number(1, 1, (11 * 60 + 22) / 86400, book.add_format({"num_format": "h:mm:ss"}))
    return "xlsx", by_xlsxwriter(fill)


@trap("csv-mac-became-a-time", "what is left of a MAC that Excel took for a time or a number is no MAC", faults=[
    {"row": 2, "column": "MACアドレス", "value": "0:11:22"},
    {"row": 3, "column": "MACアドレス", "value": "1.12E+11"},
    {"row": 4, "column": "MACアドレス", "value": "1122334455"},
    {"row": 5, "column": "MACアドレス", "value": "00:11:22:33:44"}])
def _():
    return {"devices.csv": table([["機器ID", "MACアドレス"], ["PC-01", "0:11:22"], ["PC-02", "1.12E+11"], ["PC-03", "1122334455"], ["PC-04", "00:11:22:33:44"], ["PC-05", "00-11-22-33-44-55"]])}


@trap("xlsx-formulas-with-values", "a formula counts as its last value", devices=[{"device_id": "PC-001", "hostname": "pc001", "location": "本館2F"}])
def _():
    def fill(book):
        sheet = sheet_of(book, "機器", [["機器ID", "ホスト名", "設置場所"], [None, "pc001", None]])
        sheet.write_formula("A2", '="PC-"&TEXT(1,"000")', None, "PC-001")
        sheet.write_formula("C2", '=INDEX({"本館2F","別館"},1)', None, "本館2F")
    return "xlsx", by_xlsxwriter(fill)


@trap("xlsx-formulas-without-values", "a formula that no program has calculated yet is not an empty cell",
      faults=[{"row": 2, "column": "機器ID"}, {"row": 3, "column": "製造番号"}])
def _():
    return "xlsx", by_openpyxl(lambda book: [book.active.append(row) for row in [["機器ID", "製造番号"], ['="PC-"&TEXT(1,"000")', "A1"], ["PC-002", '="S"&"N2"']]])


@trap("xlsx-formula-errors", "#N/A and #REF! are no values", faults=[
    {"row": 2, "column": "機器ID", "value": "#N/A"}, {"row": 3, "column": "設置場所", "value": "#REF!"}])
def _():
    def fill(book):
        sheet = sheet_of(book, "機器", [["機器ID", "設置場所"], [None, "本館"], ["PC-02", None]])
        sheet.write_formula("A2", "=NA()", None, "#N/A")
        sheet.write_formula("B3", "=#REF!", None, "#REF!")
    return "xlsx", by_xlsxwriter(fill)


@trap("csv-formula-errors", "and in a CSV file they are text; still no values", faults=[
    {"row": 2, "column": "製造番号", "value": "#N/A"}, {"row": 3, "column": "機器ID", "value": "#REF!"}, {"row": 4, "column": "製造番号", "value": "########"}])
def _():
    return {"devices.csv": table([["機器ID", "製造番号"], ["PC-01", "#N/A"], ["#REF!", "A2"], ["PC-03", "########"]])}


@trap("csv-usb-ids", "vendor and product of a USB stick: zeros lost are put back, 1E+05 and 5月1日 are told", media=[
    {"media_id": "USB-1", "vendor_id": "0781", "product_id": "5581"}, {"media_id": "USB-2", "vendor_id": "0781", "product_id": "0000"},
    {"media_id": "USB-3", "vendor_id": "0930", "product_id": "6545"}])
def _():
    return {
        "devices.csv": table([["機器ID"], ["PC-01"]]),
        "media.csv": table([["媒体ID", "ベンダーID", "製品ID", "対象機器"], ["USB-1", "781", "5581", "PC-01"], ["USB-2", "0x0781", "0", "全て"], ["USB-3", "０９３０", "６５４５", "PC-01"]]),
    }


@trap("csv-usb-ids-spoilt", "a product id that Excel took for a power of ten", faults=[
    {"file": "media.csv", "row": 2, "column": "製品ID", "value": "5.00E+12"}, {"file": "media.csv", "row": 3, "column": "ベンダーID", "value": "07812"}])
def _():
    return {
        "devices.csv": table([["機器ID"], ["PC-01"]]),
        "media.csv": table([["媒体ID", "ベンダーID", "製品ID"], ["USB-1", "0781", "5.00E+12"], ["USB-2", "07812", "5581"]]),
    }
