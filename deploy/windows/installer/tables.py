"""The tables of the agent's .msi, as `msibuild -i` reads them. What each means: Windows Installer's documentation."""

import datetime
import typing
import uuid

PROGRAM_KEY = "agent.exe"
LICENCES_KEY = "licences.txt"
ACTIONS_FILE = "actions.dll"

# Never changed: by this one Windows Installer knows an older or newer agent.
UPGRADE_CODE = "{4E0B1B0E-6C0C-4B5B-9D0A-0DA1C0A6E475}"
# Never changed while the component keeps its files.
COMPONENT_CODES = {
    "Program": "{A5E6D3F4-0F52-4D0B-8E6B-1E9C5D3A7F21}",
    "Licences": "{5B8F1C3A-7A0E-4F63-9A52-3C7D1E2B4F68}",
}
# What product and package codes are derived from.
NAMESPACE = uuid.UUID("6f3d9f0e-55b1-4b06-8f0c-2b5f1f0c1d6e")

# Bits of the type of a custom action (msidefs.h).
DLL, SET = 1, 51
FIRST_SEQUENCE, ROLLBACK, COMMIT, DEFERRED, AS_SYSTEM, HIDE = 0x100, 0x100, 0x200, 0x400, 0x800, 0x2000

FRESH = "NOT Installed AND NOT OLDERFOUND"
KEPT = 'NOT (REMOVE="ALL")'
REMOVED = 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE'
PROGRAM = "[INSTALLDIR]daicho-agent.exe"

# Condition and sentence, in the order in which a person can do something about it.
REFUSALS = [
    ("Installed OR DAICHO_WINDOWS >= 10",
     "Daicho エージェントは Windows 10 または Windows Server 2016 以降で動作します。古い Windows は daicho-collect.ps1 で点検できます。"
     " / The Daicho agent needs Windows 10, Windows Server 2016 or later. An older Windows is looked at with daicho-collect.ps1."),
    ("Privileged",
     "管理者として実行してください。 / Run this as an administrator."),
    ("Installed OR NOT NEWERFOUND",
     "より新しい Daicho エージェントが導入済みです。古い版にするには、先に削除してください（登録情報は残ります）。"
     " / A newer Daicho agent is installed. To go back, remove it first; the machine stays enrolled."),
    ('Installed OR FORCE="1" OR NOT (DAICHO_RESTART OR MsiSystemRebootPending)',
     "Windows の再起動が保留されています。再起動してからもう一度実行してください。待てない場合は FORCE=1 を付けてください。"
     " / A restart of Windows is pending. Restart and run this again; if that cannot wait, add FORCE=1."),
    ("Installed OR NOT COLLECTOR OR TOKEN OR TOKENFILE",
     "COLLECTOR には TOKEN または TOKENFILE が必要です。 / COLLECTOR needs TOKEN or TOKENFILE as well."),
    ("COLLECTOR OR NOT (TOKEN OR TOKENFILE OR CAFINGERPRINT)",
     "TOKEN、TOKENFILE、CAFINGERPRINT には COLLECTOR=ホスト名:7443 が必要です。"
     " / TOKEN, TOKENFILE and CAFINGERPRINT need COLLECTOR=HOST:7443 as well."),
]

# Name, type, source, target. Each deferred action takes its data from the property of its name, which a type 51 sets.
ACTIONS = [
    ("DaichoLook", DLL | FIRST_SEQUENCE, "actions", "Look"),
    ("SetServiceInstall", SET, "DaichoServiceInstall", PROGRAM),
    ("SetServiceInstallUndo", SET, "DaichoServiceInstallUndo", PROGRAM),
    ("SetServiceRemove", SET, "DaichoServiceRemove", PROGRAM),
    ("SetServiceRemoveUndo", SET, "DaichoServiceRemoveUndo", PROGRAM),
    ("SetJoin", SET | HIDE, "DaichoJoin", f"{PROGRAM}|[COLLECTOR]|[CAFINGERPRINT]|[TOKENFILE]|[TOKEN]"),
    ("SetPurge", SET, "DaichoPurge", "[CommonAppDataFolder]Daicho"),
    ("DaichoServiceInstallUndo", DLL | DEFERRED | ROLLBACK | AS_SYSTEM, "actions", "ServiceRemove"),
    ("DaichoServiceInstall", DLL | DEFERRED | AS_SYSTEM, "actions", "ServiceInstall"),
    ("DaichoJoin", DLL | DEFERRED | AS_SYSTEM | HIDE, "actions", "Join"),
    ("DaichoServiceRemoveUndo", DLL | DEFERRED | ROLLBACK | AS_SYSTEM, "actions", "ServiceInstall"),
    ("DaichoServiceRemove", DLL | DEFERRED | AS_SYSTEM, "actions", "ServiceRemove"),
    ("DaichoPurge", DLL | DEFERRED | COMMIT | AS_SYSTEM, "actions", "Purge"),
]

# What happens, in this order. An upgrade takes the old program away first, within the same transaction: if the new one
# fails, the old one comes back. The service itself stays through it, so nobody's open window of services is in the way.
EXECUTE = [
    ("FindRelatedProducts", "", 25),
    ("DaichoLook", "", 90),
    ("LaunchConditions", "", 100),
    ("ValidateProductID", "", 700),
    ("CostInitialize", "", 800),
    ("FileCost", "", 900),
    ("CostFinalize", "", 1000),
    ("InstallValidate", "", 1400),
    ("InstallInitialize", "", 1500),
    ("RemoveExistingProducts", "", 1510),
    ("SetServiceInstall", KEPT, 1520),
    ("SetServiceInstallUndo", FRESH, 1521),
    ("SetServiceRemove", REMOVED, 1522),
    ("SetServiceRemoveUndo", REMOVED, 1523),
    ("SetJoin", f"COLLECTOR AND {KEPT}", 1524),
    ("SetPurge", f'{REMOVED} AND PURGE="1"', 1525),
    ("ProcessComponents", "", 1600),
    ("UnpublishFeatures", "", 1800),
    ("StopServices", "VersionNT", 1900),
    ("DaichoServiceRemoveUndo", REMOVED, 1950),
    ("DaichoServiceRemove", REMOVED, 1951),
    ("RemoveFiles", "", 3500),
    ("InstallFiles", "", 4000),
    ("DaichoServiceInstallUndo", FRESH, 5800),
    ("DaichoServiceInstall", KEPT, 5801),
    ("DaichoJoin", f"COLLECTOR AND {KEPT}", 5810),
    ("StartServices", "VersionNT", 5900),
    ("RegisterUser", "", 6000),
    ("RegisterProduct", "", 6100),
    ("PublishFeatures", "", 6300),
    ("PublishProduct", "", 6400),
    ("DaichoPurge", f'{REMOVED} AND PURGE="1"', 6500),
    ("InstallFinalize", "", 6600),
]
# Refuses before Windows asks for an administrator.
WINDOW = [
    ("FindRelatedProducts", "", 25),
    ("DaichoLook", "", 90),
    ("LaunchConditions", "", 100),
    ("ValidateProductID", "", 700),
    ("CostInitialize", "", 800),
    ("FileCost", "", 900),
    ("CostFinalize", "", 1000),
    ("ExecuteAction", "", 1300),
]
# `msiexec /a`: lays the files out in a folder. Group policy advertises before it installs.
LAID_OUT = [
    ("CostInitialize", "", 800),
    ("FileCost", "", 900),
    ("CostFinalize", "", 1000),
    ("InstallValidate", "", 1400),
    ("InstallInitialize", "", 1500),
    ("InstallAdminPackage", "", 3900),
    ("InstallFiles", "", 4000),
    ("InstallFinalize", "", 6600),
]
LAID_OUT_WINDOW = [
    ("CostInitialize", "", 800),
    ("FileCost", "", 900),
    ("CostFinalize", "", 1000),
    ("ExecuteAction", "", 1300),
]
ADVERTISED = [
    ("CostInitialize", "", 800),
    ("CostFinalize", "", 1000),
    ("InstallValidate", "", 1400),
    ("InstallInitialize", "", 1500),
    ("PublishFeatures", "", 6300),
    ("PublishProduct", "", 6400),
    ("InstallFinalize", "", 6600),
]

# When the service is started and stopped (msidefs.h): started and first stopped at an installation, stopped at a removal.
START_AND_STOP = 0x1 | 0x2 | 0x20


class Wish(typing.NamedTuple):
    """What is to be packed."""

    version: str
    numbers: str
    sizes: dict
    moment: int
    collector: str
    ca_fingerprint: str
    token_files: str


def code(text):
    """A GUID as Windows Installer writes it; the same text gives the same."""
    return "{" + str(uuid.uuid5(NAMESPACE, text)).upper() + "}"


def table(name, keys, columns, rows):
    """One table: names, types (`s72` text, `i2` number; in capitals: may be missing), name and keys, rows."""
    lines = [[column for column, _ in columns], [kind for _, kind in columns], [name, *columns_named(columns, keys)]]
    lines += [["" if cell is None else str(cell) for cell in row] for row in rows]
    for line in lines:
        if any(sign in cell for cell in line for sign in "\t\r\n"):
            raise ValueError(f"{name}: a tab or a new line in {line}")
    return "".join("\t".join(line) + "\r\n" for line in lines)


def columns_named(columns, keys):
    names = [column for column, _ in columns]
    return [names[index] for index in range(keys)]


def sequence(name, rows):
    columns = [("Action", "s72"), ("Condition", "S255"), ("Sequence", "I2")]
    return table(name, 1, columns, rows)


def properties(wish):
    rows = [
        ("Manufacturer", "Daicho"),
        ("ProductCode", code("product " + wish.version)),
        ("ProductLanguage", "1041"),
        ("ProductName", "Daicho Agent (台帳)"),
        ("ProductVersion", wish.numbers),
        ("UpgradeCode", UPGRADE_CODE),
        ("ALLUSERS", "1"),
        ("ARPNOMODIFY", "1"),
        ("ARPCOMMENTS", "端末の状態を確認し、病院の集約サーバーへ報告します。 / Reports the state of this PC to the hospital's collector."),
        # Windows Installer writes neither these in its log, nor what an action is given by them.
        ("MsiHiddenProperties", "TOKEN;SetJoin;DaichoJoin"),
        # What may go from a person's window to the part that runs as the system.
        ("SecureCustomProperties", "CAFINGERPRINT;COLLECTOR;DAICHO_RESTART;DAICHO_WINDOWS;FORCE;NEWERFOUND;OLDERFOUND;PURGE;TOKEN;TOKENFILE"),
        # No restart by itself, whatever happens: this may be an operating theatre.
        ("REBOOT", "ReallySuppress"),
        # The agent's restart by Windows' own manager of open files would only delay ours.
        ("MSIRESTARTMANAGERCONTROL", "Disable"),
    ]
    kept = [("COLLECTOR", wish.collector), ("CAFINGERPRINT", wish.ca_fingerprint), ("TOKENFILE", wish.token_files)]
    return rows + [(name, value) for name, value in kept if value]


def tables(wish, digest):
    """All tables, as a name and its text. `digest` is that of everything that goes into the package."""
    moment = datetime.datetime.fromtimestamp(wish.moment, datetime.timezone.utc).strftime("%Y/%m/%d %H:%M:%S")
    summary = [
        (1, 65001), (2, "Installation Database"), (3, "Daicho Agent"), (4, "Daicho"), (5, "Installer"),
        (6, "msiexec /i FILE /qn COLLECTOR=HOST:7443 TOKENFILE=PATH"), (7, "x64;1041"), (9, code("package " + digest)),
        (12, moment), (13, moment),
        # Windows Installer 5; long names, compressed; opened to be read.
        (14, 500), (15, 2), (18, "Daicho"), (19, 2),
    ]
    return {
        "_SummaryInformation": table("_SummaryInformation", 1, [("PropertyId", "i2"), ("Value", "l255")], summary),
        "_ForceCodepage": "\r\n\r\n65001\t_ForceCodepage\r\n",
        "Property": table("Property", 1, [("Property", "s72"), ("Value", "l0")], properties(wish)),
        "Directory": table("Directory", 1, [("Directory", "s72"), ("Directory_Parent", "S72"), ("DefaultDir", "l255")], [
            ("TARGETDIR", "", "SourceDir"),
            ("ProgramFiles64Folder", "TARGETDIR", "."),
            ("CommonAppDataFolder", "TARGETDIR", "."),
            ("INSTALLDIR", "ProgramFiles64Folder", "Daicho"),
        ]),
        # 256: of 64 bits.
        "Component": table("Component", 1, [
            ("Component", "s72"), ("ComponentId", "S38"), ("Directory_", "s72"), ("Attributes", "i2"), ("Condition", "S255"), ("KeyPath", "S72"),
        ], [
            ("Program", COMPONENT_CODES["Program"], "INSTALLDIR", 256, "", PROGRAM_KEY),
            ("Licences", COMPONENT_CODES["Licences"], "INSTALLDIR", 256, "", LICENCES_KEY),
        ]),
        # 24: it cannot be left out nor be advertised.
        "Feature": table("Feature", 1, [
            ("Feature", "s38"), ("Feature_Parent", "S38"), ("Title", "L64"), ("Description", "L255"), ("Display", "I2"), ("Level", "i2"),
            ("Directory_", "S72"), ("Attributes", "i2"),
        ], [("Agent", "", "Daicho Agent", "", 1, 1, "INSTALLDIR", 24)]),
        "FeatureComponents": table("FeatureComponents", 2, [("Feature_", "s38"), ("Component_", "s72")],
                                   [("Agent", "Program"), ("Agent", "Licences")]),
        # 512: vital.
        "File": table("File", 1, [
            ("File", "s72"), ("Component_", "s72"), ("FileName", "l255"), ("FileSize", "i4"), ("Version", "S72"), ("Language", "S20"),
            ("Attributes", "I2"), ("Sequence", "i2"),
        ], [
            (PROGRAM_KEY, "Program", "daicho~1.exe|daicho-agent.exe", wish.sizes[PROGRAM_KEY], "", "", 512, 1),
            (LICENCES_KEY, "Licences", "licences.txt", wish.sizes[LICENCES_KEY], "", "", 512, 2),
        ]),
        "Media": table("Media", 1, [
            ("DiskId", "i2"), ("LastSequence", "i2"), ("DiskPrompt", "L64"), ("Cabinet", "S255"), ("VolumeLabel", "S32"), ("Source", "S72"),
        ], [(1, 2, "", "#daicho.cab", "", "")]),
        # Older ones, and this version in another make, are replaced (256 + 512: bounds included); newer ones only seen (2).
        "Upgrade": table("Upgrade", 5, [
            ("UpgradeCode", "s38"), ("VersionMin", "S20"), ("VersionMax", "S20"), ("Language", "S255"), ("Attributes", "i4"),
            ("Remove", "S255"), ("ActionProperty", "s72"),
        ], [
            (UPGRADE_CODE, "0.0.0", wish.numbers, "", 256 | 512, "", "OLDERFOUND"),
            (UPGRADE_CODE, wish.numbers, "", "", 2, "", "NEWERFOUND"),
        ]),
        "LaunchCondition": table("LaunchCondition", 1, [("Condition", "s255"), ("Description", "l255")], REFUSALS),
        "CustomAction": table("CustomAction", 1, [("Action", "s72"), ("Type", "i2"), ("Source", "S72"), ("Target", "S255")], ACTIONS),
        "ServiceControl": table("ServiceControl", 1, [
            ("ServiceControl", "s72"), ("Name", "l255"), ("Event", "i2"), ("Arguments", "L255"), ("Wait", "I2"), ("Component_", "s72"),
        ], [("Agent", "daicho-agent", START_AND_STOP, "", 1, "Program")]),
        "InstallExecuteSequence": sequence("InstallExecuteSequence", EXECUTE),
        "InstallUISequence": sequence("InstallUISequence", WINDOW),
        "AdminExecuteSequence": sequence("AdminExecuteSequence", LAID_OUT),
        "AdminUISequence": sequence("AdminUISequence", LAID_OUT_WINDOW),
        "AdvtExecuteSequence": sequence("AdvtExecuteSequence", ADVERTISED),
        # The second column is a file beside this table, in a folder of the table's name.
        "Binary": table("Binary", 1, [("Name", "s72"), ("Data", "v0")], [("actions", ACTIONS_FILE)]),
    }
