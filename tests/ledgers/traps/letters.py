"""The same thing in other letters, and words that mean nothing is known."""

from make import by_openpyxl, by_xlsxwriter, sheet_of, table, trap

DASHES = "-－‐‑‒–—―−ー─ｰ"


def keys(sheet, field, count):
    return [f"/{sheet}/{n}/{field}_key" for n in range(count)]


@trap("csv-hyphen-zoo", "every dash that a keyboard and Excel offer is the same dash in a host name", count={"devices": len(DASHES)},
      same=[keys("devices", "hostname", len(DASHES))], some={"devices": [{"hostname": f"pc{dash}01"} for dash in DASHES]})
def _():
    return {"devices.csv": table([["機器ID", "ホスト名"], *[[f"P{n:02}", f"pc{dash}01"] for n, dash in enumerate(DASHES)]], "utf-8-sig")}


@trap("csv-wave-dashes", "both wave dashes are one, whatever the encoding made of them", count={"devices": 3}, same=[keys("devices", "hostname", 3)])
def _():
    return {"devices.csv": table([["機器ID", "ホスト名"], ["1", "本館〜別館"], ["2", "本館～別館"], ["3", "本館~別館"]], "utf-8-sig")}


@trap("csv-full-width", "full-width ids, MAC addresses and host names: matched as half-width, kept as written", devices=[
    {"device_id": "ＰＣ－０１", "device_id_key": "pc-01", "hostname": "ＷＡＲＤ－１", "hostname_key": "ward-1", "mac_address": "００：１１：２２：ＡＡ：ＢＢ：ＣＣ", "serial_number": "Ｓ０１２", "serial_number_key": "s012", "kind": "terminal"}],
    accounts=[{"device": "PC-01", "account": "ｔａｎａｋａ", "account_key": "tanaka"}])
def _():
    return {
        "devices.csv": table([["機器ＩＤ", "ホスト名", "ＭＡＣアドレス", "製造番号", "種別"], ["ＰＣ－０１", "ＷＡＲＤ－１", "００：１１：２２：ＡＡ：ＢＢ：ＣＣ", "Ｓ０１２", "ＰＣ"]]),
        "accounts.csv": table([["対象機器", "アカウント"], ["PC-01", "ｔａｎａｋａ"]]),
    }


@trap("csv-mac-spellings", "colons, dashes, dots, nothing, full width, small and large: one address", count={"devices": 7}, same=[keys("devices", "mac_address", 7)])
def _():
    forms = ["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001A2B3C4D5E", "001a.2b3c.4d5e", "００：１Ａ：２Ｂ：３Ｃ：４Ｄ：５Ｅ", "00 1A 2B 3C 4D 5E", "00‐1A‐2B‐3C‐4D‐5E"]
    return {"devices.csv": table([["機器ID", "MACアドレス"], *[[f"P{n}", mac] for n, mac in enumerate(forms)]], "utf-8-sig")}


@trap("csv-half-width-kana", "half-width kana, with their marks as letters of their own, in headings, kinds and names", devices=[{"device_id": "P1", "kind": "server", "hostname": "ﾃﾞｰﾀ", "hostname_key": "デ-タ"}],
      mapping={"devices": {"ﾎｽﾄ名": "hostname", "機器ID": "device_id"}})
def _():
    return {"devices.csv": table([["機器ID", "ﾎｽﾄ名", "種別"], ["P1", "ﾃﾞｰﾀ", "ｻｰﾊﾞｰ"]])}


@trap("csv-server-spellings", "サーバ, サーバー, ｻｰﾊﾞ, SERVER and server are one kind", count={"devices": 6}, some={"devices": [{"device_id": f"P{n}", "kind": "server"} for n in range(6)]})
def _():
    return {"devices.csv": table([["機器ID", "種別"], *[[f"P{n}", kind] for n, kind in enumerate(["サーバ", "サーバー", "ｻｰﾊﾞ", "SERVER", "ｓｅｒｖｅｒ", "サーバ機"])]])}


@trap("csv-invisible", "spaces of every width and letters of none around and inside of a name", count={"devices": 6}, same=[keys("devices", "hostname", 6)], fields={"devices": ["hostname"]})
def _():
    names = ["ward1", "　ward1　", "\u00a0ward1", "wa\u200brd1", "\u2060ward1\u200e", "\ufeffward1"]
    return {"devices.csv": table([["機器ID", "ホスト名\u200b"], *[[f"P{n}", name] for n, name in enumerate(names)]], "utf-8-sig")}


@trap("csv-look-alikes", "O and 0, I and 1 look alike and are not the same id", count={"devices": 4}, different=[keys("devices", "device_id", 4)])
def _():
    return {"devices.csv": table([["機器ID"], ["PC-O1"], ["PC-01"], ["PC-I0"], ["PC-10"]])}


@trap("csv-nothing-is-known", "DHCP, 自動, 不明, なし, - and their like where a number should be: nothing", count={"devices": 12}, some={"devices": [{"device_id": f"P{n}", "serial_number": None, "mac_address": None} for n in range(12)]})
def _():
    words = ["不明", "なし", "無し", "-", "－", "―", "N/A", "n/a", "未記入", "ー", "DHCP", "自動"]
    return {"devices.csv": table([["機器ID", "製造番号", "MACアドレス", "IPアドレス"], *[[f"P{n}", word, word, word] for n, word in enumerate(words)]])}


@trap("csv-nothing-kept", "and in the hospital's own columns they stay as written", devices=[{"device_id": "P1", "extra": {"IPアドレス": "DHCP", "リース満了": "なし"}}])
def _():
    return {"devices.csv": table([["機器ID", "IPアドレス", "リース満了"], ["P1", "DHCP", "なし"]])}


@trap("csv-junk-serials", "what a maker forgot to fill in stands in many rows; it is no fault of the ledger", count={"devices": 5}, some={"devices": [{"device_id": "P1", "hostname": "a"}, {"device_id": "P5", "hostname": "e"}]})
def _():
    return {"devices.csv": table([["機器ID", "ホスト名", "製造番号"], ["P1", "a", "To be filled by O.E.M."], ["P2", "b", "To be filled by O.E.M."], ["P3", "c", "Default string"], ["P4", "d", "System Serial Number"], ["P5", "e", "0"]])}


@trap("csv-same-id-twice", "one id for two rows, in other letters", faults=[{"row": 4, "column": "機器ID", "value": "pc-01", "says": "once"}])
def _():
    return {"devices.csv": table([["機器ID", "ホスト名"], ["PC-01", "a"], ["PC-02", "b"], ["ＰＣ－０１", "c"]])}


@trap("csv-host-name-reused", "the PC that replaced a discarded one has its host name; both rows stay", devices=[
    {"device_id": "PC-01", "hostname": "ward1", "status": "retired"}, {"device_id": "PC-07", "hostname": "WARD1", "hostname_key": "ward1", "status": "in_use"}])
def _():
    return {"devices.csv": table([["機器ID", "ホスト名", "状態"], ["PC-01", "ward1", "廃棄済"], ["PC-07", "WARD1", "使用中"]])}


@trap("csv-retired-words", "every word for gone, spare and in use", count={"devices": 18}, some={"devices": [
    *[{"device_id": f"R{n}", "status": "retired"} for n in range(8)], *[{"device_id": f"S{n}", "status": "spare"} for n in range(4)], *[{"device_id": f"U{n}", "status": "in_use"} for n in range(6)]]})
def _():
    gone, spare, used = ["廃棄", "廃棄済み", "除却", "撤去済", "リース返却", "返却済", "廃止", "廃　棄"], ["予備", "予備機", "保管中", "未使用"], ["使用中", "稼働中", "運用中", "利用中", "現用", ""]
    rows = [[f"{letter}{n}", word] for letter, words in (("R", gone), ("S", spare), ("U", used)) for n, word in enumerate(words)]
    return {"devices.csv": table([["機器ID", "状態"], *rows])}


@trap("csv-unknown-word", "a word that nobody knows is told with those that are known", faults=[{"row": 2, "column": "状態", "value": "貸出中", "says": "retired"}, {"row": 3, "column": "種別", "value": "冷蔵庫", "says": "server"}])
def _():
    return {"devices.csv": table([["機器ID", "種別", "状態"], ["PC-01", "端末", "貸出中"], ["PC-02", "冷蔵庫", "使用中"]])}


@trap("csv-circles", "circles and crosses for yes and no, in all the shapes that are typed", count={"accounts": 12}, some={"accounts": [
    *[{"account": f"y{n}", "privileged": True} for n in range(7)], *[{"account": f"n{n}", "privileged": False} for n in range(5)]]})
def _():
    yes, no = ["○", "〇", "◯", "有", "あり", "レ", "●"], ["×", "✕", "無", "なし", "－"]
    rows = [["PC-01", f"{letter}{n}", word] for letter, words in (("y", yes), ("n", no)) for n, word in enumerate(words)]
    return {"devices.csv": table([["機器ID"], ["PC-01"]], "utf-8-sig"), "accounts.csv": table([["機器ID", "アカウント", "管理者権限"], *rows], "utf-8-sig")}


@trap("csv-password-column", "passwords are counted and never kept", devices=[{"device_id": "SV-01"}, {"device_id": "SV-02"}, {"device_id": "SV-03"}, {"device_id": "SV-04"}],
      passwords={"column": "管理者ＰＷ", "equal_groups": [3]}, never=["kyoto1234", "tokyo5678"])
def _():
    return {"devices.csv": table([["機器ID", "管理者ＰＷ", "備考"], ["SV-01", "kyoto1234", ""], ["SV-02", "kyoto1234", ""], ["SV-03", "tokyo5678", ""], ["SV-04", "kyoto1234", ""]])}


@trap("csv-password-column-with-a-fault", "nor does a fault of the same row show one", faults=[{"row": 2, "column": "種別", "value": "冷蔵庫"}], never=["kyoto1234"],
      passwords={"column": "ﾊﾟｽﾜｰﾄﾞ", "equal_groups": []})
def _():
    return {"devices.csv": table([["機器ID", "ﾊﾟｽﾜｰﾄﾞ", "種別"], ["SV-01", "kyoto1234", "冷蔵庫"]])}


@trap("xlsx-password-below-group", "a password under a heading of two rows, IDとPW over three columns", never=["kyoto1234"], count={"devices": 2},
      some={"devices": [{"device_id": "SV-01"}, {"device_id": "SV-02"}]})
def _():
    def fill(book):
        sheet = book.active
        for row in [["機器ID", "ホスト名", "管理者", None, "備考"], [None, None, "ID", "パスワード", None], ["SV-01", "a", "root", "kyoto1234", None], ["SV-02", "b", "root", "kyoto1234", None]]:
            sheet.append(row)
        sheet.merge_cells("C1:D1")
        for column in "ABE":
            sheet.merge_cells(f"{column}1:{column}2")
    return "xlsx", by_openpyxl(fill)


@trap("xlsx-password-in-another-sheet", "a sheet that is none of ours holds passwords; nothing of it is shown", never=["kyoto1234", "osaka9999"], devices=[{"device_id": "SV-01"}])
def _():
    def fill(book):
        sheet_of(book, "機器", [["機器ID"], ["SV-01"]])
        sheet_of(book, "初期設定メモ", [["系統名", "初期PW"], ["電子カルテ", "kyoto1234"], ["医事", "osaka9999"]])
    return "xlsx", by_xlsxwriter(fill)
