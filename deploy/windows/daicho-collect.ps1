# Saves what `daicho-agent collect --root` needs to look at a PC that takes no agent: a vendor's PC, Windows 7, Server 2008 R2.
#
#   powershell -NoProfile -ExecutionPolicy Bypass -File daicho-collect.ps1 -Out E:\PC-01 [-NoAccounts] [-List]
#
# Run it once, as an administrator, in the 64-bit PowerShell of the PC (2.0 or later). It needs no network and no module.
# It reads what -List prints and nothing else. It writes below -Out and nowhere else, and that folder must not exist yet.
# It changes no setting and deletes nothing. What it could not read it says, and writes into daicho-saved.txt.
#
# Secrets. Of passwords it saves none that can be used: the value DefaultPassword is replaced by a word that says it is there,
# and SECURITY is not saved. SAM holds the accounts and their encrypted password hashes; their key lies in a part of SYSTEM
# that is not saved, so the hashes cannot be read from what this script wrote. Keep the folder as you keep a patient's record
# all the same, and delete it once it has been read. Other programs may have written secrets of theirs below Services, such as
# an SNMP community. Endpoint protection may report that SAM is saved: tell those who watch it before, or give -NoAccounts;
# then no account of this PC is judged.
param([string]$Out, [switch]$NoAccounts, [switch]$List)

# Keys that are saved with all below them.
$Trees = @(
    'HKLM\SOFTWARE\Microsoft\Microsoft Antimalware',
    'HKLM\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Client',
    'HKLM\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full',
    'HKLM\SOFTWARE\Microsoft\Security Center',
    'HKLM\SOFTWARE\Microsoft\ServerManager',
    'HKLM\SOFTWARE\Microsoft\Updates',
    'HKLM\SOFTWARE\Microsoft\Windows Defender',
    'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\EMDMgmt',
    'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList',
    'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree',
    'HKLM\SOFTWARE\Microsoft\Windows Portable Devices\Devices',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Appx\AppxAllUserStore',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\PackagesPending',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootInProgress',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\RunOnce',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate',
    'HKLM\SOFTWARE\Policies\Microsoft\Windows Defender',
    'HKLM\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services',
    'HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate',
    'HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Policies',
    'HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Run',
    'HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce',
    'HKLM\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall',
    'HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin',
    'HKLM\SYSTEM\CurrentControlSet\Control\ComputerName',
    'HKLM\SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}',
    'HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions',
    'HKLM\SYSTEM\CurrentControlSet\Control\Session Manager',
    'HKLM\SYSTEM\CurrentControlSet\Control\Terminal Server',
    'HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation',
    'HKLM\SYSTEM\CurrentControlSet\Enum',
    'HKLM\SYSTEM\CurrentControlSet\Services',
    'HKLM\SYSTEM\MountedDevices'
)
# Keys of which only the values are saved that are text or numbers.
$Values = @(
    'HKLM\SOFTWARE\Microsoft\Cryptography',
    'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion',
    'HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon',
    'HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion',
    'HKLM\SYSTEM\CurrentControlSet\Control'
)
# Below the settings of each person who is logged on.
$OfUsers = @(
    'Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved',
    'Software\Microsoft\Windows\CurrentVersion\Policies',
    'Software\Microsoft\Windows\CurrentVersion\Run',
    'Software\Microsoft\Windows\CurrentVersion\RunOnce',
    'Software\Microsoft\Windows\CurrentVersion\Uninstall',
    'Software\WOW6432Node\Microsoft\Windows\CurrentVersion\Policies',
    'Software\WOW6432Node\Microsoft\Windows\CurrentVersion\Run',
    'Software\WOW6432Node\Microsoft\Windows\CurrentVersion\RunOnce',
    'Software\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall'
)
# Files and folders of the system's disk that are copied.
$Files = @(
    'Windows\INF\setupapi.dev.log',
    'Windows\System32\Tasks',
    'ProgramData\Microsoft\Windows\Start Menu\Programs\StartUp'
)
# Values whose content is never saved, only that they are there.
$Secret = @('DefaultPassword', 'AltDefaultPassword')

if ($List) {
    'Registry, with all below:'
    if (-not $NoAccounts) { '  HKLM\SAM' }
    $Trees | ForEach-Object { "  $_" }
    'Registry, values only:'
    $Values | ForEach-Object { "  $_" }
    'Registry, of each person who is logged on:'
    $OfUsers | ForEach-Object { "  HKU\SID\$_" }
    'Files:'
    $Files | ForEach-Object { "  $env:SystemDrive\$_" }
    exit 0
}

function Stop-Here([string]$sentence) {
    [Console]::Error.WriteLine("daicho-collect: $sentence")
    exit 2
}

if (-not $Out) { Stop-Here 'give -Out, a folder that does not exist yet; -List prints what is read.' }
if (Test-Path -LiteralPath $Out) { Stop-Here "$Out exists already; give -Out a folder that does not exist yet." }
if ($env:PROCESSOR_ARCHITEW6432) {
    Stop-Here "this is the 32-bit PowerShell; use $env:SystemRoot\Sysnative\WindowsPowerShell\v1.0\powershell.exe."
}
$me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-Here 'run this as an administrator (right click, Run as administrator).'
}

$config = Join-Path $Out 'Windows\System32\config'
[void](New-Item -ItemType Directory -Path $config -Force)
$Out = (Resolve-Path -LiteralPath $Out).ProviderPath
$config = Join-Path $Out 'Windows\System32\config'
$lines = New-Object System.Collections.ArrayList
$script:number = 0
$script:failures = 0

function Add-Line([string[]]$parts) {
    # One line for one thing, whatever a name holds.
    $clean = $parts | ForEach-Object { $_ -replace '[\t\r\n]', ' ' }
    [void]$lines.Add(($clean -join "`t"))
}

function Add-Failure([string]$what) {
    $script:failures++
    Add-Line @('failed', $what)
    [Console]::Error.WriteLine("daicho-collect: could not read $what")
}

function Save-Key([string]$key, [string]$file) {
    [void](& "$env:SystemRoot\System32\reg.exe" save $key $file 2>&1)
    return ($LASTEXITCODE -eq 0)
}

# 'there', 'absent', or 'unknown' where this account may not look.
function Get-Standing([string]$key) {
    $root, $rest = $key -split '\\', 2
    $hive = [Microsoft.Win32.Registry]::LocalMachine
    if ($root -eq 'HKU') { $hive = [Microsoft.Win32.Registry]::Users }
    try {
        $opened = $hive.OpenSubKey($rest)
    } catch {
        return 'unknown'
    }
    if ($opened -eq $null) { return 'absent' }
    $opened.Close()
    return 'there'
}

function Save-Tree([string]$key) {
    if ((Get-Standing $key) -eq 'absent') {
        Add-Line @('absent', $key)
        return
    }
    $script:number++
    $folder = Join-Path $Out "registry\$($script:number)\Windows\System32\config"
    [void](New-Item -ItemType Directory -Path $folder -Force)
    if (Save-Key $key (Join-Path $folder 'SOFTWARE')) {
        Add-Line @('saved', $key, "$($script:number)")
    } else {
        Add-Failure $key
    }
}

function Save-Values([string]$key) {
    $root, $rest = $key -split '\\', 2
    try {
        $opened = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($rest)
        if ($opened -eq $null) {
            Add-Line @('absent', $key)
            return
        }
        Add-Line @('values', $key)
        foreach ($name in $opened.GetValueNames()) {
            if ($Secret -contains $name) {
                Add-Line @('value', $key, 'text', $name, '(not saved)')
                continue
            }
            $keep = [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames
            $data = $opened.GetValue($name, $null, $keep)
            switch ("$($opened.GetValueKind($name))") {
                'String' { Add-Line @('value', $key, 'text', $name, "$data") }
                'ExpandString' { Add-Line @('value', $key, 'text', $name, "$data") }
                'DWord' { Add-Line @('value', $key, 'number', $name, "$([long]$data -band 4294967295)") }
                'QWord' { Add-Line @('value', $key, 'number', $name, "$data") }
                default { Add-Line @('value', $key, 'other', $name, '') }
            }
        }
        $opened.Close()
    } catch {
        Add-Failure $key
    }
}

if (-not $NoAccounts) {
    if (-not (Save-Key 'HKLM\SAM' (Join-Path $config 'SAM'))) { Add-Failure 'HKLM\SAM' }
}
$Trees | ForEach-Object { Save-Tree $_ }
$Values | ForEach-Object { Save-Values $_ }
foreach ($sid in [Microsoft.Win32.Registry]::Users.GetSubKeyNames()) {
    if ($sid -match '^S-1-(5-21|12-1)-[0-9-]+$') {
        $OfUsers | ForEach-Object { Save-Tree "HKU\$sid\$_" }
    }
}
foreach ($file in $Files) {
    $from = Join-Path "$env:SystemDrive\" $file
    if (-not (Test-Path -LiteralPath $from)) { continue }
    $to = Join-Path $Out (Split-Path -Parent $file)
    try {
        [void](New-Item -ItemType Directory -Path $to -Force)
        Copy-Item -LiteralPath $from -Destination $to -Recurse -Force -ErrorAction Stop
    } catch {
        # The registry's part that the files belong to is then not taken as whole.
        Add-Failure "HKLM\SYSTEM\(files)\$file"
    }
}

$text = ($lines.ToArray() -join "`r`n") + "`r`n"
[IO.File]::WriteAllText((Join-Path $Out 'daicho-saved.txt'), $text, (New-Object Text.UTF8Encoding($false)))
"Saved below $Out; could not read $($script:failures). Next, where the agent is: daicho-agent collect --root FOLDER"
if ($script:failures) { exit 1 }
exit 0
