"""Days, as people in Japan write them and as Excel keeps them."""

import datetime

from make import by_libreoffice, by_openpyxl, by_xlsxwriter, sheet_of, table, trap

DEVICES = [["機器ID"], ["PC-01"]]
NO_DATE = "one meaning"


def staff(days, encoding="cp932"):
    return {"devices.csv": table(DEVICES), "staff.csv": table([["職員番号", "状態", "退職日"], *[[str(1001 + n), "退職", day] for n, day in enumerate(days)]], encoding)}


def retired(days):
    return [{"staff_id": str(1001 + n), "status": "retired", "retired_on": day} for n, day in enumerate(days)]


ERAS = [
    "令和7年5月16日", "令和７年５月１６日", "R7.5.16", "Ｒ７．５．１６", "R7/5/16", "r07-05-16", "R.7.5.16", "令7.5.16", "㋿7.5.16", "令和七年五月十六日",
    "令和 7年 5月16日", "令和　７年　５月１６日", "令和7年5月16日(金)", "令和7年5月16日（金曜日）", "R7.05.16 17:30", "R070516", "令和07年05月16日",
    "2025年5月16日", "2025/5/16", "2025-05-16", "20250516", "２０２５．５．１６", "2025/05/16 0:00:00", "2025年5月16日金曜日",
]


@trap("csv-era-dates", "every usual way to write one day", staff=retired(["2025-05-16"] * len(ERAS)))
def _():
    return staff(ERAS, "utf-8-sig")


GANNEN = ["令和元年5月1日", "令和元年五月一日", "R元.5.1", "令元.5.1", "R1.5.1", "平成元年1月8日", "H1.1.8"]


@trap("csv-first-years", "the first year of an era is 元年", staff=retired(["2019-05-01"] * 5 + ["1989-01-08"] * 2))
def _():
    return staff(GANNEN)


@trap("csv-era-edges", "the last day of an era and the first of the next",
      staff=retired(["1989-01-07", "1989-01-08", "2019-04-30", "2019-05-01", "1926-12-25", "2020-02-29", "2021-03-31"]))
def _():
    return staff(["S64.1.7", "H1.1.8", "H31.4.30", "R1.5.1", "昭和元年12月25日", "R2.2.29", "平成33年3月31日"])


AMBIGUOUS = ["070516", "7/5/16", "25/5/16", "7.5.16", "16/5/2025", "5/16", "R7.5", "令和7年", "平成31", "令和7年5月", "2025/2/29", "R7.13.1", "未定", "年度末", "5月16日", "R7.5.16頃"]


@trap("csv-ambiguous-dates", "what may be Reiwa 7 or 2007, May or the sixteenth, is a fault and never a guess",
      faults=[{"file": "staff.csv", "row": 2 + n, "column": "退職日", "value": day, "says": NO_DATE} for n, day in enumerate(AMBIGUOUS)])
def _():
    return staff(AMBIGUOUS)


@trap("csv-blank-era", "令和　　年　　月　　日 is a form that nobody has filled in: no day; half filled in it is a fault",
      faults=[{"file": "staff.csv", "row": 6, "value": "令和　７年　　月　　日", "says": NO_DATE}])
def _():
    return staff(["令和　　年　　月　　日", "令和  年  月  日", "　　年　　月　　日", "", "令和　７年　　月　　日"])


@trap("csv-blank-era-only", "and where all are blank, nothing is wrong", staff=[{"staff_id": "1", "retired_on": None}, {"staff_id": "2", "retired_on": None}, {"staff_id": "3", "retired_on": None}])
def _():
    return {"devices.csv": table(DEVICES), "staff.csv": table([["職員番号", "退職日"], ["1", "令和　　年　　月　　日"], ["2", "R  .  ."], ["3", "平成・令和　　年　　月　　日"]])}


@trap("csv-fiscal-year", "a fiscal year ends in March: 令和7年度末 is 2026-03-31; 令和7年度 alone is no day", media=[
    {"media_id": "U1", "approved_until": "2026-03-31"}, {"media_id": "U2", "approved_until": "2026-03-31"}, {"media_id": "U3", "approved_until": "2026-03-31"}, {"media_id": "U4", "approved_until": "2020-03-31"}])
def _():
    return {"devices.csv": table(DEVICES), "media.csv": table([["媒体ID", "承認終了日"], ["U1", "令和7年度末"], ["U2", "2025年度末"], ["U3", "R7年度末"], ["U4", "令和元年度末"]])}


@trap("csv-fiscal-year-alone", "a fiscal year without its end is a fault",
      faults=[{"file": "media.csv", "row": 2, "value": "令和7年度"}, {"file": "media.csv", "row": 3, "value": "2025年度"}, {"file": "media.csv", "row": 4, "value": "R7"}])
def _():
    return {"devices.csv": table(DEVICES), "media.csv": table([["媒体ID", "承認終了日"], ["U1", "令和7年度"], ["U2", "2025年度"], ["U3", "R7"]])}


def workbook_of_days(cells, epoch_1904=False, formats=None):
    """Serials with formats in the staff's 退職日."""

    def fill(book):
        sheet_of(book, "機器", DEVICES)
        sheet = sheet_of(book, "職員", [["職員番号", "状態", "退職日"]])
        for number, (value, shape) in enumerate(cells, 1):
            sheet.write_string(number, 0, str(1000 + number))
            sheet.write_string(number, 1, "退職")
            sheet.write_number(number, 2, value, book.add_format({"num_format": shape} if shape else {}))
    return by_xlsxwriter(fill, date_1904=epoch_1904)


EAST_ASIAN = [*range(27, 37), *range(50, 59)]
DAY = (datetime.date(2025, 5, 16) - datetime.date(1899, 12, 30)).days
DAY_1904 = (datetime.date(2025, 5, 16) - datetime.date(1904, 1, 1)).days


@trap("xlsx-formats-27-to-58", "Excel's built-in East Asian formats 27 to 36 and 50 to 58: a bare number with a number for its format",
      staff=retired(["2025-05-16"] * len(EAST_ASIAN)))
def _():
    return "xlsx", workbook_of_days([(DAY, shape) for shape in EAST_ASIAN])


@trap("xlsx-1904", "a workbook that counts from 1904, in usual and in East Asian formats: the day is not four years early",
      staff=retired(["2025-05-16"] * (3 + len(EAST_ASIAN))))
def _():
    return "xlsx", workbook_of_days([(DAY_1904, shape) for shape in [14, "yyyy/m/d", '[$-411]ggge"年"m"月"d"日"', *EAST_ASIAN]], epoch_1904=True)


@trap("xls-1904", "the same in the old form", staff=retired(["2025-05-16"] * 3))
def _():
    return "xls", by_libreoffice(workbook_of_days([(DAY_1904, shape) for shape in [14, "yyyy/m/d", '[$-411]ggge"年"m"月"d"日"']], epoch_1904=True), "xls")


@trap("xlsx-era-formats", "days shown in eras, in all the formats that Excel offers",
      staff=retired(["2025-05-16"] * 8))
def _():
    shapes = ['[$-411]ggge"年"m"月"d"日"', '[$-411]ge.m.d', '[$-ja-JP-x-gannen]ggge"年"m"月"d"日"', '[$-411]ggge"年"m"月"d"日"(aaa)', 'yyyy"年"m"月"d"日"', "yyyy/m/d;@", '[$-F800]dddd\\, mmmm dd\\, yyyy', 'm"月"d"日"']
    return "xlsx", workbook_of_days([(DAY, shape) for shape in shapes])


@trap("xlsx-day-60", "29 February 1900 never was; the days around it are as Excel shows them", faults=[{"sheet": "職員", "row": 3, "column": "退職日"}])
def _():
    return "xlsx", workbook_of_days([(59, 14), (60, 14), (61, 14)])


@trap("xlsx-days-around-60", "the days around the day that never was", staff=retired(["1900-02-28", "1900-03-01", "1900-01-01"]))
def _():
    return "xlsx", workbook_of_days([(59, 14), (61, 14), (1, 14)])


@trap("xlsx-day-and-time", "a day with its hour is that day, up to the last second", staff=retired(["2025-05-16"] * 3))
def _():
    return "xlsx", workbook_of_days([(DAY + 0.729166, 22), (DAY + 0.99999, "yyyy/m/d h:mm"), (DAY, 22)])


@trap("xlsx-bare-numbers", "a number without a date's format is no day: 070516 without its zero would be one in 2093",
      faults=[{"sheet": "職員", "row": 2, "value": "70516"}, {"sheet": "職員", "row": 3, "value": "50401"}, {"sheet": "職員", "row": 4, "value": "250516"}, {"sheet": "職員", "row": 5, "value": "7.5"}])
def _():
    return "xlsx", workbook_of_days([(70516, None), (50401, None), (250516, None), (7.5, None)])


@trap("xlsx-eight-digits", "20250516 is a day, as a number too", staff=retired(["2025-05-16"]))
def _():
    return "xlsx", workbook_of_days([(20250516, None)])


@trap("ods-dates", "days of LibreOffice, with eras and with hours", staff=retired(["2025-05-16"] * 5))
def _():
    shapes = [14, '[$-411]ggge"年"m"月"d"日"', "yyyy-mm-dd", 22, 'yyyy"年"m"月"d"日"']
    return "ods", by_libreoffice(workbook_of_days([(DAY, shape) for shape in shapes]), "ods")


@trap("xls-dates", "days of the old form, East Asian formats too", staff=retired(["2025-05-16"] * (len(EAST_ASIAN) + 1)))
def _():
    return "xls", by_libreoffice(workbook_of_days([(DAY, shape) for shape in [14, *EAST_ASIAN]]), "xls")


@trap("xlsx-dates-of-all-kinds", "text, day and number in one column, and a column of the hospital's own", staff=[
    {"retired_on": "2025-05-16", "extra": {"採用日": "2001-04-01"}}, {"retired_on": "2025-05-16", "extra": {"採用日": "平成13年4月1日"}}, {"retired_on": "2025-05-16"}])
def _():
    def fill(book):
        book.active.append(["機器ID"])
        book.active.append(["PC-01"])
        sheet = book.create_sheet("職員")
        sheet.append(["職員番号", "退職日", "採用日"])
        sheet.append(["1001", datetime.date(2025, 5, 16), datetime.date(2001, 4, 1)])
        sheet.append(["1002", "令和7年5月16日", "平成13年4月1日"])
        sheet.append(["1003", datetime.datetime(2025, 5, 16, 17, 30), None])
    return "xlsx", by_openpyxl(fill)


@trap("csv-approval-period", "an approval that ends before it begins", faults=[{"file": "media.csv", "row": 2, "column": "承認期限", "value": "R6.3.31"}])
def _():
    return {"devices.csv": table(DEVICES), "media.csv": table([["媒体ID", "承認日", "承認期限"], ["U1", "R7.4.1", "R6.3.31"], ["U2", "R7.4.1", "R8.3.31"]])}
