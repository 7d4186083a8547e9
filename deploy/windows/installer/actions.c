/* What Windows Installer itself cannot do: look for a pending restart, and have the agent install its service and join.
 *
 * Made into actions.dll by deploy/windows/package, kept inside the .msi, never put on the machine. Everything real is the
 * agent's own command; the token goes to it through a pipe, so it is in no command line, no file and no log. */
#define UNICODE
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <msi.h>
#include <msiquery.h>

/* Longest text that is taken from a property or from the agent's answer; the longest path of Windows fits. */
#define TEXT_MAX 33000
/* Longest time for one command of the agent: joining gives up by itself long before, stopping the service after 30 s. */
#define COMMAND_MS_MAX 180000
/* Folders in folders in the data folder; the agent has three. */
#define DEPTH_MAX 16

/* Says a sentence: in the log, and as an error in the window if there is one. */
static void say(MSIHANDLE install, INSTALLMESSAGE kind, const wchar_t *text)
{
    MSIHANDLE record = MsiCreateRecord(1);
    if (!record) return;
    /* As a field, because brackets in the text itself would be replaced. */
    MsiRecordSetStringW(record, 0, L"Daicho: [1]");
    MsiRecordSetStringW(record, 1, text);
    MsiProcessMessage(install, kind, record);
    MsiCloseHandle(record);
}

static UINT fail(MSIHANDLE install, const wchar_t *text)
{
    say(install, INSTALLMESSAGE_ERROR, text);
    return ERROR_INSTALL_FAILURE;
}

static void *room(SIZE_T bytes) { return HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, bytes); }

static void give_back(void *data, SIZE_T bytes)
{
    if (!data) return;
    SecureZeroMemory(data, bytes);
    HeapFree(GetProcessHeap(), 0, data);
}

/* Signs of a pending restart: the key is there. Microsoft's servicing stack and Windows Update make and delete them. */
static const wchar_t *const SIGNS[] = {
    L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending",
    L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootInProgress",
    L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\PackagesPending",
    L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired",
};

static BOOL has_key(const wchar_t *path)
{
    HKEY key;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &key)) return FALSE;
    RegCloseKey(key);
    return TRUE;
}

/* Whether Windows will delete or rename a file of ours when it starts. Browsers leave entries of theirs here for weeks: those
 * are no reason to refuse. Ours would take away what is being installed. */
static BOOL renames_ours(void)
{
    static const wchar_t ours[] = L"\\daicho";
    HKEY key;
    DWORD kind = 0, bytes = 0;
    BOOL found = FALSE;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"SYSTEM\\CurrentControlSet\\Control\\Session Manager", 0,
                      KEY_QUERY_VALUE | KEY_WOW64_64KEY, &key))
        return FALSE;
    /* 1 MB of names is beyond any machine that still works. */
    if (!RegQueryValueExW(key, L"PendingFileRenameOperations", NULL, &kind, NULL, &bytes) && bytes && bytes < (1 << 20)) {
        wchar_t *names = room(bytes + sizeof(wchar_t));
        if (names && !RegQueryValueExW(key, L"PendingFileRenameOperations", NULL, &kind, (BYTE *)names, &bytes)) {
            DWORD length = bytes / sizeof(wchar_t), i, j;
            CharLowerBuffW(names, length);
            for (i = 0; !found && i + 7 <= length; i++) {
                for (j = 0; j < 7 && names[i + j] == ours[j]; j++) {}
                found = j == 7;
            }
        }
        give_back(names, bytes);
    }
    RegCloseKey(key);
    return found;
}

/* Immediate, before LaunchConditions: tells them of a pending restart, and which Windows this is. Windows Installer's own
 * VersionNT says 603 on Windows 10 and all later ones. */
__declspec(dllexport) UINT __stdcall Look(MSIHANDLE install)
{
    HKEY key;
    size_t i;
    MsiSetPropertyW(install, L"DAICHO_WINDOWS", L"6");
    if (!RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion", 0,
                       KEY_QUERY_VALUE | KEY_WOW64_64KEY, &key)) {
        DWORD major = 0, kind = 0, bytes = sizeof(major);
        if (!RegQueryValueExW(key, L"CurrentMajorVersionNumber", NULL, &kind, (BYTE *)&major, &bytes) && kind == REG_DWORD) {
            wchar_t text[16];
            wsprintfW(text, L"%u", (unsigned)major);
            MsiSetPropertyW(install, L"DAICHO_WINDOWS", text);
        }
        RegCloseKey(key);
    }
    MsiSetPropertyW(install, L"DAICHO_RESTART", L"");
    for (i = 0; i < sizeof(SIGNS) / sizeof(*SIGNS); i++)
        if (has_key(SIGNS[i])) MsiSetPropertyW(install, L"DAICHO_RESTART", SIGNS[i]);
    if (renames_ours()) MsiSetPropertyW(install, L"DAICHO_RESTART", L"PendingFileRenameOperations");
    return ERROR_SUCCESS;
}

/* Runs the agent, gives it `input`, and says in one sentence what it answered if that was no success. */
static UINT run(MSIHANDLE install, wchar_t *line, const char *input)
{
    SECURITY_ATTRIBUTES inherited = {sizeof(inherited), NULL, TRUE};
    HANDLE in_read, in_write, out_read, out_write;
    STARTUPINFOW start;
    PROCESS_INFORMATION process;
    DWORD code = 1, bytes = 0, length = 0;
    char *said = room(TEXT_MAX);
    wchar_t *text = room(TEXT_MAX * sizeof(wchar_t));
    UINT answer;

    if (!said || !text || !CreatePipe(&in_read, &in_write, &inherited, 0)) return fail(install, L"no memory");
    /* The agent's answer is one sentence: it fits into the pipe, so it never waits for us. */
    if (!CreatePipe(&out_read, &out_write, &inherited, TEXT_MAX)) return fail(install, L"no memory");
    SetHandleInformation(in_write, HANDLE_FLAG_INHERIT, 0);
    SetHandleInformation(out_read, HANDLE_FLAG_INHERIT, 0);
    ZeroMemory(&start, sizeof(start));
    start.cb = sizeof(start);
    start.dwFlags = STARTF_USESTDHANDLES;
    start.hStdInput = in_read;
    start.hStdOutput = start.hStdError = out_write;
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &start, &process)) {
        wsprintfW(text, L"Windows はエージェントを起動できません（エラー %u） / Windows cannot start the agent (error %u)",
                  (unsigned)GetLastError(), (unsigned)GetLastError());
        CloseHandle(in_write);
        CloseHandle(out_write);
        answer = fail(install, text);
    } else {
        CloseHandle(out_write);
        if (input) WriteFile(in_write, input, (DWORD)lstrlenA(input), &bytes, NULL);
        CloseHandle(in_write);
        if (WaitForSingleObject(process.hProcess, COMMAND_MS_MAX) != WAIT_OBJECT_0) TerminateProcess(process.hProcess, 1);
        GetExitCodeProcess(process.hProcess, &code);
        while (length < TEXT_MAX - 1 && ReadFile(out_read, said + length, TEXT_MAX - 1 - length, &bytes, NULL) && bytes)
            length += bytes;
        while (length && (said[length - 1] == '\n' || said[length - 1] == '\r')) said[--length] = 0;
        length = (DWORD)MultiByteToWideChar(CP_UTF8, 0, said, (int)length, text, TEXT_MAX - 1);
        text[length] = 0;
        if (code) {
            answer = fail(install, length ? text : L"エージェントが応答しません / the agent gave no answer");
        } else {
            say(install, INSTALLMESSAGE_INFO, text);
            answer = ERROR_SUCCESS;
        }
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
    }
    CloseHandle(in_read);
    CloseHandle(out_read);
    give_back(said, TEXT_MAX);
    give_back(text, TEXT_MAX * sizeof(wchar_t));
    return answer;
}

/* What the table says for this action, in memory to be given back. */
static wchar_t *told(MSIHANDLE install)
{
    DWORD length = TEXT_MAX;
    wchar_t *text = room(TEXT_MAX * sizeof(wchar_t));
    if (text && MsiGetPropertyW(install, L"CustomActionData", text, &length)) text[0] = 0;
    return text;
}

/* Runs `"PROGRAM" ARGUMENTS`, the program being the action's data. */
static UINT command(MSIHANDLE install, const wchar_t *arguments)
{
    wchar_t *program = told(install), *line = room(TEXT_MAX * sizeof(wchar_t));
    UINT answer;
    if (!program || !line || !*program || lstrlenW(program) + lstrlenW(arguments) > TEXT_MAX - 8)
        return fail(install, L"no path of the agent");
    lstrcpyW(line, L"\"");
    lstrcatW(line, program);
    lstrcatW(line, L"\" ");
    lstrcatW(line, arguments);
    answer = run(install, line, NULL);
    give_back(program, TEXT_MAX * sizeof(wchar_t));
    give_back(line, TEXT_MAX * sizeof(wchar_t));
    return answer;
}

/* Deferred: the service is made, or brought up to date. */
__declspec(dllexport) UINT __stdcall ServiceInstall(MSIHANDLE install) { return command(install, L"service install"); }

/* Deferred: the service is stopped and removed. */
__declspec(dllexport) UINT __stdcall ServiceRemove(MSIHANDLE install) { return command(install, L"service remove"); }

/* Deferred, its target hidden: `PROGRAM|COLLECTOR|CAFINGERPRINT|TOKENFILE|TOKEN`. A bar is in none of them. */
__declspec(dllexport) UINT __stdcall Join(MSIHANDLE install)
{
    static const wchar_t *const before[] = {L"\"", L" enrol --unless-joined --collector \"", L" --ca-fingerprint \"",
                                            L" --token-file \""};
    wchar_t *data = told(install), *line = room(2 * TEXT_MAX * sizeof(wchar_t)), *part = data, *next;
    wchar_t *file = room(TEXT_MAX * sizeof(wchar_t));
    char *token = room(TEXT_MAX);
    UINT answer = ERROR_INSTALL_FAILURE;
    BOOL from_file = FALSE;
    int i;

    if (!data || !line || !file || !token) return fail(install, L"no memory");
    for (i = 0; i < 4 && part; i++, part = next) {
        for (next = part; *next && *next != '|'; next++)
            if (*next == '"') {
                answer = fail(install, L"引用符は使えません / a property has a quotation mark in it");
                goto out;
            }
        if (!*next) break;
        *next++ = 0;
        if (!*part) continue;
        lstrcatW(line, before[i]);
        if (i == 3) {
            /* \\server\share\%COMPUTERNAME%.txt */
            from_file = TRUE;
            if (!ExpandEnvironmentStringsW(part, file, TEXT_MAX)) file[0] = 0;
            part = file;
        }
        lstrcatW(line, part);
        lstrcatW(line, L"\"");
    }
    if (i < 4) {
        answer = fail(install, L"the action was given too little");
        goto out;
    }
    if (!from_file) {
        lstrcatW(line, L" --token-file -");
        WideCharToMultiByte(CP_UTF8, 0, part, -1, token, TEXT_MAX - 1, NULL, NULL);
    }
    answer = run(install, line, token);
out:
    give_back(data, TEXT_MAX * sizeof(wchar_t));
    give_back(line, 2 * TEXT_MAX * sizeof(wchar_t));
    give_back(file, TEXT_MAX * sizeof(wchar_t));
    give_back(token, TEXT_MAX);
    return answer;
}

/* Deletes a folder with all in it. A link is deleted and not followed. */
static void purge(const wchar_t *folder, int depth)
{
    WIN32_FIND_DATAW entry;
    HANDLE list;
    wchar_t path[MAX_PATH * 2];
    if (depth > DEPTH_MAX || lstrlenW(folder) > MAX_PATH - 3) return;
    lstrcpyW(path, folder);
    lstrcatW(path, L"\\*");
    list = FindFirstFileW(path, &entry);
    if (list != INVALID_HANDLE_VALUE) {
        do {
            BOOL dots = !lstrcmpW(entry.cFileName, L".") || !lstrcmpW(entry.cFileName, L"..");
            if (dots || lstrlenW(folder) + lstrlenW(entry.cFileName) > MAX_PATH * 2 - 2) continue;
            lstrcpyW(path, folder);
            lstrcatW(path, L"\\");
            lstrcatW(path, entry.cFileName);
            if (!(entry.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) {
                SetFileAttributesW(path, FILE_ATTRIBUTE_NORMAL);
                DeleteFileW(path);
            } else if (entry.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) {
                RemoveDirectoryW(path);
            } else {
                purge(path, depth + 1);
            }
        } while (FindNextFileW(list, &entry));
        FindClose(list);
    }
    RemoveDirectoryW(folder);
}

/* At the commit of a removal with PURGE=1: identity, unsent reports, log and configuration go, too. The data is
 * %ProgramData%\Daicho. */
__declspec(dllexport) UINT __stdcall Purge(MSIHANDLE install)
{
    wchar_t *folder = told(install), path[MAX_PATH * 2];
    if (folder && lstrlenW(folder) > 3 && lstrlenW(folder) < MAX_PATH) {
        lstrcpyW(path, folder);
        lstrcatW(path, L"\\agent");
        purge(path, 0);
        lstrcpyW(path, folder);
        lstrcatW(path, L"\\agent.toml");
        DeleteFileW(path);
        /* Only if nothing else is in it. */
        RemoveDirectoryW(folder);
    }
    give_back(folder, TEXT_MAX * sizeof(wchar_t));
    return ERROR_SUCCESS;
}
