"""Makes the ledger of 10 000 devices and 20 columns, as a workbook with shared strings and as CP932. Only Python's own library.

    python3 large.py FOLDER [DEVICES]
"""

import csv
import io
import pathlib
import random
import sys
import zipfile
from xml.sax.saxutils import escape

folder = pathlib.Path(sys.argv[1])
count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
HEAD = [
    "管理番号", "ホスト名", "種別", "製造番号", "ハードウェアUUID", "MACアドレス", "設置場所", "部署", "利用者", "事業者",
    "グループ", "リモート保守", "状態", "備考", "IPアドレス", "メーカー", "型番", "OS", "取得年月日", "リース満了",
]


def rows():
    chance = random.Random(11)
    for n in range(1, count + 1):
        server = n % 40 == 0
        yield [
            f"{'SV' if server else 'PC'}-{n:05}", f"{'srv' if server else 'ward'}{n:05}", "サーバ" if server else "端末",
            f"{chance.getrandbits(40):010X}", f"{chance.getrandbits(32):08x}-0000-4000-8000-{n:012x}",
            ":".join(f"{byte:02X}" for byte in (0, 0x1A, n >> 16 & 255, n >> 8 & 255, n & 255, chance.getrandbits(8))),
            f"本館{n % 9 + 1}F {n % 37}号室", f"第{n % 20 + 1}病棟", "看護師共用", f"㈱髙﨑システム{n % 7}", f"病棟{n % 12}", "無" if n % 3 else "有",
            "廃棄" if n % 50 == 7 else "使用中", "", f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", "メーカー" + "ABCDE"[n % 5], f"M-{n % 90}",
            "Windows 11 Pro", f"令和{n % 7 + 1}年4月1日", "令和9年度",
        ]


def workbook(table):
    strings, order, data = {}, [], []
    for number, row in enumerate(table, 1):
        cells = []
        for column, text in enumerate(row):
            if text:
                index = strings.setdefault(text, len(strings))
                if index == len(order):
                    order.append(text)
                cells.append(f'<c r="{chr(65 + column)}{number}" t="s"><v>{index}</v></c>')
        data.append(f'<row r="{number}">{"".join(cells)}</row>')
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'{head}<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{head}<workbook xmlns="{main}" xmlns:r="{relations}"><sheets><sheet name="機器" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{relations}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{head}<worksheet xmlns="{main}"><sheetData>{"".join(data)}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'{head}<sst xmlns="{main}" uniqueCount="{len(order)}">{"".join(f"<si><t>{escape(text)}</t></si>" for text in order)}</sst>',
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


table = [HEAD, *rows()]
(folder / "large.xlsx").write_bytes(workbook(table))
(folder / "large").mkdir(exist_ok=True)
text = io.StringIO()
csv.writer(text, lineterminator="\r\n").writerows(table)
(folder / "large" / "devices.csv").write_bytes(text.getvalue().encode("cp932"))
