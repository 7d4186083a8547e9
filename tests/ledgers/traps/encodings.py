"""Bytes: what Excel in Japan and its neighbours write into a CSV file."""

from make import table, trap

HEAD = ["機器ID", "ホスト名", "種別", "製造番号", "設置場所", "備考"]
SPECIAL = "①Ⅱ㈱髙﨑～－ソ表能\\"
ROWS = [
    HEAD,
    ["SV-01", "karte-db", "サーバ", "0012", "本館1F ①サーバ室", "㈱髙﨑システム"],
    ["PC-01", "ward-1", "端末", "00A7", "病棟ソ表能", "１～２階－北"],
]
PLAIN = [
    {"device_id": "SV-01", "kind": "server", "serial_number": "0012", "location": "本館1F ①サーバ室", "note": "㈱髙﨑システム", "row": {"row": 2}},
    {"device_id": "PC-01", "hostname": "ward-1", "kind": "terminal", "location": "病棟ソ表能", "note": "１～２階－北", "row": {"row": 3}},
]
MAPPING = {"devices": {"機器ID": "device_id", "ホスト名": "hostname", "製造番号": "serial_number", "設置場所": "location"}}


@trap("csv-cp932-excel", "CP932 of Excel: NEC and IBM letters, second bytes that are a backslash, a wave dash and a minus", devices=PLAIN, mapping=MAPPING)
def _():
    return {"devices.csv": table(ROWS)}


@trap("csv-cp932-backslash", "0x5C and second bytes 0x5C: a path stays a path", devices=[{"location": "\\\\sv01\\十表ソ能\\予", "note": "表", "device_id": "SV-01"}])
def _():
    return {"devices.csv": table([HEAD, ["SV-01", "a", "サーバ", "", "\\\\sv01\\十表ソ能\\予", "表"]])}


@trap("csv-cp932-nec-and-ibm", "the same letter at two places of CP932 (NEC row 13, NEC selected IBM, IBM) is the same letter",
      devices=[{"device_id": "PC-1", "note": "∵≒≡"}, {"device_id": "PC-2", "note": "∵≒≡"}, {"device_id": "PC-3", "note": "髙髙"}])
def _():
    rows = "機器ID,備考\r\nPC-1,".encode("cp932") + b"\x81\xe6\x81\xe0\x81\xdf" + b"\r\nPC-2,\x87\x9a\x87\x90\x87\x91\r\nPC-3,\xfb\xfc\xee\xe0\r\n"
    return {"devices.csv": rows}


@trap("csv-utf8-bom", "Excel's CSV UTF-8, with its mark before the first heading", devices=PLAIN, mapping=MAPPING)
def _():
    return {"devices.csv": table(ROWS, "utf-8-sig")}


@trap("csv-utf8", "UTF-8 without a mark and with line feeds", devices=PLAIN, mapping=MAPPING)
def _():
    return {"devices.csv": table(ROWS, "utf-8", "\n")}


@trap("csv-unicode-text", "Excel's Unicode text: UTF-16LE, a mark, tabs", devices=PLAIN, mapping=MAPPING)
def _():
    return {"devices.txt": b"\xff\xfe" + table(ROWS, "utf-16-le", separator="\t")}


@trap("csv-utf16le-commas", "UTF-16LE with a mark and commas, as other tools save it", devices=PLAIN)
def _():
    return {"devices.csv": b"\xff\xfe" + table(ROWS, "utf-16-le")}


@trap("csv-utf16be", "UTF-16BE with its mark", devices=PLAIN)
def _():
    return {"devices.csv": b"\xfe\xff" + table(ROWS, "utf-16-be")}


@trap("csv-utf16le-no-mark", "UTF-16 whose mark was lost is told, not read as rubbish", faults=[{"file": "devices.csv", "says": "CP932"}])
def _():
    return {"devices.csv": table(ROWS, "utf-16-le")}


@trap("csv-tab-cp932", "Excel's text, separated by tabs, in CP932; commas stand in its cells",
      devices=[{"device_id": "SV-01", "note": "電子カルテ,予備"}, {"device_id": "PC-01"}])
def _():
    rows = [["機器ID", "ホスト名", "備考"], ["SV-01", "karte", "電子カルテ,予備"], ["PC-01", "ward", ""]]
    return {"devices.txt": table(rows, separator="\t")}


@trap("csv-tab-comma-in-heading", "tabs, with a comma in a heading", devices=[{"device_id": "SV-01", "hostname": "karte", "extra": {"電源,UPS": "有"}}])
def _():
    return {"devices.txt": table([["機器ID", "ホスト名", "電源,UPS"], ["SV-01", "karte", "有"]], separator="\t")}


@trap("csv-damaged-cp932", "half a letter at the end of a line, as a careless cut leaves it", faults=[{"file": "devices.csv", "says": "CP932"}])
def _():
    return {"devices.csv": "機器ID,備考\r\nPC-1,薬剤".encode("cp932")[:-1] + b"\r\n"}


@trap("csv-two-encodings", "one row pasted in from a UTF-8 file into a CP932 one: told, and never read as half-width rubbish",
      faults=[{"file": "devices.csv", "row": 3}], never=["阮ｬ蟷", "陷ｷ"])
def _():
    return {"devices.csv": b"device_id,hostname,note\r\n" + "SV-01,karte,薬剤部\r\n".encode("cp932") + "SV-02,labo,薬剤部 検査室\r\n".encode()}


@trap("csv-half-width-kana-cp932", "half-width kana alone are valid in no other encoding: ｻｰﾊﾞ is a server, ﾉｰﾄPC a laptop",
      devices=[{"device_id": "ｱ-1", "device_id_key": "ア-1", "kind": "server", "location": "ｻｰﾊﾞ室"}, {"device_id": "ｱ-2", "kind": "laptop"}])
def _():
    return {"devices.csv": table([["機器ID", "種別", "設置場所"], ["ｱ-1", "ｻｰﾊﾞ", "ｻｰﾊﾞ室"], ["ｱ-2", "ﾉｰﾄPC", "ﾅｰｽｽﾃｰｼｮﾝ"]])}


@trap("csv-quotes-and-line-breaks", "line breaks, commas and quotes in cells; the rows keep Excel's numbers",
      devices=[{"device_id": "SV-01", "note": "一行目\n二行目", "row": {"row": 2}}, {"device_id": "SV-02", "note": "19\"ラック, 上段", "row": {"row": 4}}])
def _():
    text = '機器ID,備考\r\nSV-01,"一行目\n二行目"\r\n,\r\nSV-02,"19""ラック, 上段"\r\n'
    return {"devices.csv": text.encode("cp932")}


@trap("csv-open-quote", "a quote that never ends swallows no rows in silence", faults=[{"file": "devices.csv", "says": "closing quote"}])
def _():
    return {"devices.csv": '機器ID,備考\r\nSV-01,"19インチ\r\nSV-02,予備\r\n'.encode("cp932")}


@trap("csv-carriage-returns", "carriage returns alone, of an old Macintosh", devices=[{"device_id": "SV-01", "row": {"row": 2}}, {"device_id": "SV-02", "row": {"row": 3}}])
def _():
    return {"devices.csv": table([["機器ID", "ホスト名"], ["SV-01", "a"], ["SV-02", "b"]], newline="\r")}


@trap("csv-separator-line", "Excel's own first line sep=, is no heading", devices=[{"device_id": "SV-01", "row": {"row": 3}}])
def _():
    return {"devices.csv": b"sep=,\r\n" + table([["機器ID", "ホスト名"], ["SV-01", "a"]])}


@trap("csv-ragged", "rows shorter and longer than the heading, and empty columns to the right",
      devices=[{"device_id": "SV-01", "hostname": "a", "note": None}, {"device_id": "SV-02", "hostname": None}, {"device_id": "SV-03", "note": "予備"}])
def _():
    return {"devices.csv": "機器ID,ホスト名,備考,,,\r\nSV-01,a\r\nSV-02\r\nSV-03,c,予備,,,,,,\r\n".encode("cp932")}


@trap("csv-equals-quotes", "=\"00123\": how exports keep zeros for Excel; the cell is 00123",
      devices=[{"device_id": "00123", "serial_number": "5E12"}, {"device_id": "00124", "serial_number": "1-2"}])
def _():
    return {"devices.csv": '機器ID,製造番号\r\n="00123",="5E12"\r\n"=""00124""","=""1-2"""\r\n'.encode("cp932")}
