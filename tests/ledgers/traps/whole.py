"""Five whole ledgers, of 300 to 3 000 rows, each with what such ledgers have in them."""

import datetime
import random

from openpyxl.styles import Font

from make import by_libreoffice, by_openpyxl, by_xlsxwriter, sheet_of, table, trap

PLACES = ["本館1F 外来", "本館2F 西病棟", "本館3F 東病棟", "別館 検査室", "健診センター", "医事課", "薬剤部", "放射線科"]
SECTIONS = ["看護部", "医事課", "薬剤部", "検査部", "放射線部", "総務課"]
NAMES = ["田中 花子", "佐藤 一郎", "髙橋 美咲", "鈴木 健", "山﨑 涼子", "渡邉 進", "伊藤 真", "中村 誠"]


def mac(chance):
    return "00:1A:2B:" + ":".join(f"{chance.randrange(256):02X}" for _ in range(3))


def machines(count, chance):
    """Rows of [id, host name, kind, serial, MAC, place, section, status]."""
    for number in range(1, count + 1):
        server = number % 40 == 0
        yield [
            f"{'SV' if server else 'PC'}-{number:04}", f"{'srv' if server else 'ward'}{number:04}", "サーバ" if server else "端末",
            f"00{chance.randrange(10**5):05}A", mac(chance), chance.choice(PLACES), chance.choice(SECTIONS), "廃棄" if number % 50 == 7 else "使用中",
        ]


HEAD = ["管理番号", "ホスト名", "種別", "シリアル番号", "MACアドレス", "設置場所", "部署", "状態"]


@trap("whole-3000-xlsx", "one sheet of 3 000 machines under a title and headings of two rows, with sums below; 60 are discarded",
      count={"devices": 3000}, passwords=None, some={"devices": [
          {"device_id": "PC-0001", "kind": "terminal", "status": "in_use", "row": {"row": 5}},
          {"device_id": "PC-0057", "status": "retired"}, {"device_id": "SV-0040", "kind": "server"},
          {"device_id": "SV-3000", "hostname": "srv3000", "row": {"row": 3004}}]})
def _():
    chance = random.Random(1)

    def fill(book):
        sheet = book.add_worksheet("機器台帳")
        sheet.write_string(0, 0, "令和8年度　医療情報システム機器台帳")
        sheet.write_string(1, 0, "作成：総務課")
        bold = book.add_format({"bold": True})
        for column, heading in enumerate(HEAD[:3] + ["識別", "", "設置", "", "状態"]):
            sheet.write_string(2, column, heading, bold)
        sheet.merge_range(2, 3, 2, 4, "識別", bold)
        sheet.merge_range(2, 5, 2, 6, "設置", bold)
        for column in [0, 1, 2, 7]:
            sheet.merge_range(2, column, 3, column, HEAD[column], bold)
        for column in [3, 4, 5, 6]:
            sheet.write_string(3, column, HEAD[column], bold)
        for number, row in enumerate(machines(3000, chance), 4):
            for column, value in enumerate(row):
                sheet.write_string(number, column, value)
        sheet.write_string(3004, 0, "合計")
        sheet.write_formula(3004, 1, "=COUNTA(A5:A3004)", None, 3000)
    return "xlsx", by_xlsxwriter(fill)


@trap("whole-1200-cp932", "a folder of CP932: 1 200 machines, 400 staff of whom 20 have left, 800 accounts, 30 sticks",
      count={"devices": 1200, "staff": 400, "accounts": 800, "media": 30}, some={
          "staff": [{"staff_id": "0020", "status": "retired", "retired_on": "2025-05-16"}, {"staff_id": "0001", "name": "佐藤 一郎", "status": "active", "retired_on": None}],
          "accounts": [{"device": "PC-0001", "account": "user0001", "staff_id": "0001", "privileged": False}],
          "media": [{"media_id": "USB-01", "vendor_id": "0781", "purpose": "backup", "approved_until": "2027-03-31"}]})
def _():
    chance = random.Random(2)
    devices = list(machines(1200, chance))
    days = ["令和7年5月16日", "R7.5.16", "2025/5/16", "Ｒ７．５．１６"]
    staff = [[f"{n:04}", NAMES[n % len(NAMES)], SECTIONS[n % 6], "退職" if n % 20 == 0 else "在職", days[n // 20 % 4] if n % 20 == 0 else ""] for n in range(1, 401)]
    accounts = [[devices[n - 1][0], f"user{n:04}", f"{(n - 1) % 400 + 1:04}", "個人", "○" if n % 100 == 0 else "×"] for n in range(1, 801)]
    media = [[f"USB-{n:02}", "781", "5581", f"4C53000{n:04}", "バックアップ" if n % 2 else "業務", "事務長", "R8.4.1", "令和8年度末"] for n in range(1, 31)]
    return {
        "devices.csv": table([HEAD, *devices]),
        "staff.csv": table([["職員番号", "氏名", "所属", "在職状況", "退職年月日"], *staff]),
        "accounts.csv": table([["対象機器", "アカウント", "職員番号", "種別", "管理者権限"], *accounts]),
        "media.csv": table([["媒体番号", "VID", "PID", "製造番号", "用途", "承認者", "承認日", "承認期限"], *media]),
    }


@trap("whole-300-ods", "300 machines, kept in LibreOffice; each place written once and merged down",
      count={"devices": 300}, some={"devices": [{"device_id": "PC-0001", "location": PLACES[0]}, {"device_id": "PC-0010", "location": PLACES[0]}, {"device_id": "PC-0011", "location": PLACES[1]}, {"device_id": "PC-0299"}]})
def _():
    chance = random.Random(3)

    def fill(book):
        sheet = book.active
        sheet.append(HEAD)
        for number, row in enumerate(machines(300, chance)):
            row[5] = PLACES[number // 10 % len(PLACES)] if number % 10 == 0 else None
            sheet.append(row)
        for first in range(2, 302, 10):
            sheet.merge_cells(f"F{first}:F{first + 9}")
    return "ods", by_libreoffice(by_openpyxl(fill), "ods")


@trap("whole-500-xls", "500 machines and 200 staff in the old form, with days in East Asian formats",
      count={"devices": 500, "staff": 200}, some={"staff": [{"staff_id": "S0010", "status": "retired", "retired_on": "2025-05-16"}, {"staff_id": "S0011", "retired_on": None}]})
def _():
    chance = random.Random(4)

    def fill(book):
        sheet_of(book, "機器", [HEAD, *machines(500, chance)])
        sheet = sheet_of(book, "職員", [["職員番号", "氏名", "在職状況", "退職日"]])
        day = book.add_format({"num_format": 30})
        for n in range(1, 201):
            sheet.write_string(n, 0, f"S{n:04}")
            sheet.write_string(n, 1, NAMES[n % len(NAMES)])
            sheet.write_string(n, 2, "退職" if n % 10 == 0 else "在職")
            if n % 10 == 0:
                sheet.write_datetime(n, 3, datetime.datetime(2025, 5, 16), day)
    return "xls", by_libreoffice(by_xlsxwriter(fill), "xls")


@trap("whole-900-buildings", "900 machines on a sheet for each of six buildings, ditto marks in the sections, struck rows for the discarded, notes below",
      count={"devices": 900}, some={"devices": [
          {"device_id": "PC-0001", "location": "棟1", "department": "看護部", "status": "in_use"}, {"device_id": "PC-0002", "department": "看護部"},
          {"device_id": "PC-0151", "location": "棟2"}, {"device_id": "PC-0007", "status": "retired"}, {"device_id": "PC-0899", "location": "棟6"}]})
def _():
    chance = random.Random(5)

    def fill(book):
        rows = list(machines(900, chance))
        book.remove(book.active)
        struck = Font(strike=True)
        for building in range(6):
            sheet = book.create_sheet(f"棟{building + 1}")
            sheet.append([f"棟{building + 1}　端末一覧"])
            sheet.append(["管理番号", "PC名", "シリアル番号", "MACアドレス", "部署", "備考"])
            for number, row in enumerate(rows[building * 150:(building + 1) * 150]):
                sheet.append([row[0], row[1], row[3], row[4], SECTIONS[0] if number % 10 == 0 else "〃", None])
                if row[7] == "廃棄":
                    for cell in sheet[sheet.max_row]:
                        cell.font = struck
            sheet.append([])
            sheet.append(["※ 部署が替わったら総務課へ連絡すること"])
    return "xlsx", by_openpyxl(fill)
