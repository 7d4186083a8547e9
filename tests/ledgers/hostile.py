"""Makes ledgers that mean harm into a folder, and hostile.json: what must come of each. Only Python's own library.

    python3 hostile.py FOLDER
"""

import io
import json
import pathlib
import random
import struct
import sys
import zipfile
import zlib

MEGABYTE = 1 << 20
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
DEVICES = [["機器ID", "ホスト名"], ["SV-01", "karte"], ["PC-01", "ward1"]]

folder = pathlib.Path(sys.argv[1])
told = []


def ledger(name, content, says=None, devices=None, never=None):
    """Writes one: refused with a sentence that has `says` in it, or read with so many devices."""
    (folder / name).write_bytes(content)
    told.append({"file": name, "says": says, "devices": devices, "never": never})


def cells(rows, first=1):
    """Rows as XML, with texts beside their cells."""
    lines = []
    for number, row in enumerate(rows, first):
        inner = "".join(f'<c r="{chr(65 + column)}{number}" t="inlineStr"><is><t>{text}</t></is></c>' for column, text in enumerate(row))
        lines.append(f'<row r="{number}">{inner}</row>')
    return "".join(lines)


def sheet(data, after="", before=""):
    return f'{HEAD}{before}<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData>{after}</worksheet>'.encode()


def parts(sheet_xml, sheets=("機器",), strings=None, styles=None):
    """The parts of a small workbook whose sheets are all the one part given."""
    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1))
    related = "".join(f'<Relationship Id="rId{n}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>' for n in range(1, len(sheets) + 1))
    more = [("sharedStrings", strings), ("styles", styles)]
    related += "".join(f'<Relationship Id="r{name}" Type="{RELATIONS}/{name}" Target="{name}.xml"/>' for name, part in more if part)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types = "".join(f'<Override PartName="/xl/{part}" ContentType="{kind}.{name}+xml"/>' for part, name in [("workbook.xml", "sheet.main"), ("worksheets/sheet1.xml", "worksheet")])
    return {
        "[Content_Types].xml": f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>{types}</Types>'.encode(),
        "_rels/.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'.encode(),
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>'.encode(),
        "xl/_rels/workbook.xml.rels": f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{related}</Relationships>'.encode(),
        "xl/worksheets/sheet1.xml": sheet_xml,
        **{f"xl/{name}.xml": part for name, part in more if part},
    }


def pack(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def overlapping(members, bomb, count):
    """A zip whose directory names one packed part `count` times (CVE-2019-13232)."""
    out = bytearray(pack(members))
    end = out.rfind(b"PK\x05\x06")
    start, size = struct.unpack("<I", out[end + 16:end + 20])[0], struct.unpack("<I", out[end + 12:end + 16])[0]
    directory = bytes(out[start:start + size])
    del out[start:]
    at = len(out)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(bomb) + packer.flush()
    crc = zlib.crc32(bomb)
    out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0x21, crc, len(data), len(bomb), 9, 0) + b"xl/a00000" + data
    start = len(out)
    for number in range(count):
        name = f"xl/a{number:05}".encode()
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0x21, crc, len(data), len(bomb), len(name), 0, 0, 0, 0, 0, at) + name
    total = len(members) + count
    return bytes(out) + directory + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, total, total, len(directory), start, 0)


def declaring(workbook, part, size):
    """The same zip, whose directory and local header claim another unpacked size for one part."""
    out = bytearray(workbook)
    name = part.encode()
    for signature, at_size, at_name in [(b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)]:
        at = out.find(signature)
        while at >= 0:
            if out[at + at_name:at + at_name + len(name)] == name:
                out[at + at_size:at + at_size + 4] = struct.pack("<I", size)
            at = out.find(signature, at + 4)
    return bytes(out)


def laughs(root):
    """Ten entities, each ten of the one before (CWE-776)."""
    entities = '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11))
    return f'<!DOCTYPE {root} [{entities}]>'


OFFICE = "urn:oasis:names:tc:opendocument:xmlns"


def ods(rows, before=""):
    content = (
        f'{HEAD}{before}<office:document-content xmlns:office="{OFFICE}:office:1.0" xmlns:table="{OFFICE}:table:1.0" xmlns:text="{OFFICE}:text:1.0" office:version="1.3">'
        f'<office:body><office:spreadsheet><table:table table:name="機器">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = f'{HEAD}<manifest:manifest xmlns:manifest="{OFFICE}:manifest:1.0" manifest:version="1.3"><manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    return pack({"mimetype": kind.encode(), "META-INF/manifest.xml": manifest.encode(), "content.xml": content.encode()})


def ods_row(row, repeated=""):
    inner = "".join(f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>' for text in row)
    return f"<table:table-row{repeated}>{inner}</table:table-row>"


def compound(loop):
    """An old compound file (MS-CFB) whose chain of sectors `loop` leads back to itself."""
    sector = 512
    header = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6))
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE if loop != "difat" else 3, 0 if loop != "difat" else 1)
    header += struct.pack("<I", 0) + b"\xff\xff\xff\xff" * 108
    chain = [0xFFFFFFFD, 0xFFFFFFFE, 3, 0xFFFFFFFE] + [0xFFFFFFFF] * 124
    if loop == "directory":
        chain[1] = 1
    if loop == "stream":
        chain[2], chain[3] = 3, 2
    fat = struct.pack("<128I", *chain)

    def entry(name, kind, first, size, child=0xFFFFFFFF):
        letters = name.encode("utf-16-le") + b"\0\0"
        return letters.ljust(64, b"\0") + struct.pack("<HBBIII", len(letters), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child) + bytes(36) + struct.pack("<IQ", first, size)
    directory = (entry("Root Entry", 5, 0xFFFFFFFE, 0, 1) + entry("Workbook", 2, 2, 0x7FFFFFF0)).ljust(sector, b"\0")
    table = struct.pack("<127I", *[0] * 127) + struct.pack("<I", 3) if loop == "difat" else bytes(sector)
    return bytes(header) + fat + directory + bytes(sector) + table


def old_workbook(records):
    """A sound compound file with these records as its Workbook (MS-XLS)."""
    stream = b"".join(struct.pack("<HH", kind, len(data)) + data for kind, data in records).ljust(8192, b"\0")
    out = bytearray(compound("none")[:2048])
    sectors = len(stream) // 512
    chain = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, 2 + sectors), 0xFFFFFFFE]
    out[512:1024] = struct.pack("<128I", *(chain + [0xFFFFFFFF] * (128 - len(chain))))
    out[1024 + 128 + 120:1024 + 128 + 124] = struct.pack("<I", len(stream))
    return bytes(out[:1536]) + stream


def corner_records(sheets, same_place=False):
    """Sheets with one number in the first cell and one in the last."""
    begin = (0x0809, struct.pack("<HHHHII", 0x0600, 5, 0x0DBB, 0x07CC, 0, 6))
    end = (0x000A, b"")
    head = 20 + 4 + sheets * (4 + 9) + 4
    each = 20 + 2 * (4 + 14) + 4
    bounds = [(0x0085, struct.pack("<IHBB", head - 4 + (0 if same_place else n * each), 0, 1, 0) + b"a") for n in range(sheets)]
    cells = [(0x0203, struct.pack("<HHHd", row, column, 0, 1.0)) for row, column in [(0, 0), (65535, 255)]]
    sheet = [(0x0809, struct.pack("<HHHHII", 0x0600, 0x10, 0x0DBB, 0x07CC, 0, 6)), *cells, end]
    return [begin, *bounds, end, *sheet * sheets]


def main():
    chance = random.Random(7)
    good = pack(parts(sheet(cells(DEVICES))))
    ledger("good.xlsx", good, devices=2)

    # Broken and big.
    ledger("malformed-100mb.xlsx", good[:2000] + chance.randbytes(100 * MEGABYTE), says="MB")
    ledger("malformed-30mb.xlsx", good[:300] + chance.randbytes(30 * MEGABYTE), says="save it again")
    ledger("malformed-30mb.xls", compound("none")[:512] + chance.randbytes(30 * MEGABYTE), says="save it")
    ledger("malformed-100mb.csv", chance.randbytes(100 * MEGABYTE), says="MB")
    ledger("malformed-30mb.csv", b"\xe6" + chance.randbytes(30 * MEGABYTE), says="CP932")
    half = sheet(cells(DEVICES) + '<row r="9"><c r="A9" t="inlineStr"><is><t>' + "a" * (60 * MEGABYTE))
    ledger("unclosed-60mb.xlsx", pack(parts(half.split(b"</sheetData>")[0])), says="")

    # Bombs.
    spaces = b" " * (300 * MEGABYTE)
    ledger("bomb-strings.xlsx", pack(parts(sheet(cells(DEVICES)), strings=spaces)), says="MB")
    ledger("bomb-other-part.xlsx", pack({**parts(sheet(cells(DEVICES))), "xl/media/image1.png": spaces}), says="unpacked")
    ledger("bomb-overlapping.xlsx", overlapping(parts(sheet(cells(DEVICES))), bytes(10 * MEGABYTE), 10_000), says="")
    ledger("bomb-nested.xlsx", pack({"a.zip": pack({"b.zip": pack({"c.zip": pack({"d": bytes(20 * MEGABYTE)})})})}), says="save it again")
    ledger("bomb-declared-small.xlsx", declaring(pack(parts(sheet(cells(DEVICES)), strings=spaces)), "xl/sharedStrings.xml", 1000), says="")
    ledger("bomb-declared-huge.xlsx", declaring(good, "xl/worksheets/sheet1.xml", 0xFFFFFFF0), says="")
    ledger("many-parts.xlsx", pack({**parts(sheet(cells(DEVICES))), **{f"xl/x{n}": b"" for n in range(60_000)}}), says="")

    # Large only once they are read.
    strings = f'{HEAD}<sst xmlns="{MAIN}">' + "<si><t>a</t></si>" * (8 * MEGABYTE) + "</sst>"
    ledger("strings-8m.xlsx", pack(parts(sheet(cells(DEVICES)), strings=strings.encode())), says="")
    rows = "".join(f'<row r="{n}" ht="20"/>' for n in range(4, (1 << 20) + 1))
    ledger("empty-rows.xlsx", pack(parts(sheet(cells(DEVICES) + rows))), devices=2)
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="0"/><c r="B{n}" s="0"/></row>' for n in range(4, (1 << 20) + 1))
    ledger("empty-cells.xlsx", pack(parts(sheet(cells(DEVICES) + rows))), devices=2)
    corner = '<row r="1048576"><c r="XFD1048576"{}</row>'
    ledger("corner.xlsx", pack(parts(sheet(cells(DEVICES) + corner.format(' t="inlineStr"><is><t>x</t></is></c>')))), says="rows")
    ledger("corner-empty.xlsx", pack(parts(sheet(cells(DEVICES) + corner.format(' s="0"/>')))), devices=2)
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(2, 1 << 20))
    ledger("million-rows.xlsx", pack(parts(sheet(cells(DEVICES[:1]) + rows))), says="rows")
    merges = "<mergeCells>" + "".join(f'<mergeCell ref="A{n}:B{n}"/>' for n in range(10, (1 << 20))) + "</mergeCells>"
    ledger("million-merges.xlsx", pack(parts(sheet(cells(DEVICES), merges))), says="")
    merges = '<mergeCells><mergeCell ref="A5:XFD1048576"/></mergeCells>'
    ledger("merged-to-the-corner.xlsx", pack(parts(sheet(cells([*DEVICES, [], ["PC-02", "x"]]), merges))), says="")
    xfs = f'{HEAD}<styleSheet xmlns="{MAIN}"><fonts><font><strike/></font></fonts><cellXfs>' + '<xf numFmtId="0" fontId="0"/>' * MEGABYTE * 3 + "</cellXfs></styleSheet>"
    ledger("styles-3m.xlsx", pack(parts(sheet(cells(DEVICES)), styles=xfs.encode())), says="")
    rows = cells(DEVICES) + '<row r="9"/>' * (2 * MEGABYTE)
    ledger("one-part-1000-sheets.xlsx", pack(parts(sheet(rows), sheets=[f"機器{n}" for n in range(1000)])), says="")
    ledger("sheets-100000.xlsx", pack(parts(sheet(""), sheets=[f"s{n}" for n in range(100_000)])), says="")
    ledger("deep.xlsx", pack(parts(sheet("<a>" * (20 * MEGABYTE)))), says="")

    # Entities.
    laugh = sheet(cells([["機器ID"], ["&l10;"]]), before=laughs("worksheet"))
    ledger("laughs-sheet.xlsx", pack(parts(laugh)), says="", never="hahahaha")
    laugh = f'{HEAD}{laughs("sst")}<sst xmlns="{MAIN}"><si><t>機器ID</t></si><si><t>&l10;</t></si></sst>'.encode()
    two = '<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>'
    ledger("laughs-strings.xlsx", pack(parts(sheet(two), strings=laugh)), says="", never="hahahaha")
    outside = '<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    ledger("outside-entity.xlsx", pack(parts(sheet(cells([["機器ID"], ["&x;"]]), before=outside))), says="", never="root:")
    ledger("laughs.ods", ods(ods_row(["機器ID"]) + ods_row(["&l10;"]), laughs("office:document-content")), says="", never="hahahaha")

    # CSV.
    ledger("line-100mb.csv", "機器ID,ホスト名\n".encode() + b"a" * (100 * MEGABYTE), says="MB")
    ledger("line-30mb.csv", "機器ID,ホスト名\n".encode() + b"a" * (30 * MEGABYTE), says="bytes in a cell")
    ledger("million-columns.csv", "機器ID".encode() + b"," * 1_000_000 + b"\nPC-01\n", says="columns")
    ledger("million-named-columns.csv", ",".join(f"c{n}" for n in range(1_000_000)).encode(), says="columns")
    ledger("quotes-30mb.csv", "機器ID\n".encode() + b'"' * (30 * MEGABYTE + 1), says="")
    ledger("newlines-30mb.csv", "機器ID\nPC-01\n".encode() + b"\n" * (30 * MEGABYTE), says="rows")
    ledger("commas-30mb.csv", "機器ID\n".encode() + (b"," * 500 + b"\n") * 60_000, says="")
    ledger("cells-15m.csv", "機器ID\n".encode() + (b"a," * 500 + b"\n") * 30_000, says="cells")

    # The old form and LibreOffice's.
    for loop in ["directory", "stream", "difat"]:
        ledger(f"loop-{loop}.xls", compound(loop), says="save it")
    ledger("corner.xls", old_workbook(corner_records(1)), says="cells")
    ledger("corners.xls", old_workbook(corner_records(50)), says="cells")
    ledger("one-place-50-sheets.xls", old_workbook(corner_records(50, True)), says="no workbook of its own")
    good = ods_row(DEVICES[0]) + ods_row(DEVICES[1]) + ods_row(DEVICES[2])
    empty = '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    ledger("good.ods", ods(good), devices=2)
    ledger("empty-repeated.ods", ods(good + empty), devices=2)
    ledger("empty-between.ods", ods(ods_row(DEVICES[0]) + ods_row(DEVICES[1]) + empty.replace("1048576", "1048000") + ods_row(DEVICES[2])), says="")
    full = '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384" office:value-type="string"><text:p>a</text:p></table:table-cell></table:table-row>'
    ledger("full-repeated.ods", ods(good + full), says="")
    ledger("wide-repeated.ods", ods(good + full.replace("1048576", "4000000000").replace("16384", "4000000000")), says="")
    ledger("bomb.ods", ods(good + " " * (300 * MEGABYTE)), says="MB")
    (folder / "hostile.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


main()
