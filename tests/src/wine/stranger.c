/* A service that does nothing until it is told to stop: for tests, a program that nobody approved. */
#include <windows.h>

static SERVICE_STATUS_HANDLE handle;
static HANDLE stopped;

static void tell(DWORD state)
{
    SERVICE_STATUS status = { SERVICE_WIN32_OWN_PROCESS, state, SERVICE_ACCEPT_STOP, 0, 0, 0, 0 };
    SetServiceStatus(handle, &status);
}

static DWORD WINAPI control(DWORD order, DWORD type, void *data, void *context)
{
    if (order == SERVICE_CONTROL_STOP) {
        tell(SERVICE_STOP_PENDING);
        SetEvent(stopped);
    }
    return NO_ERROR;
}

static void WINAPI work(DWORD count, WCHAR **arguments)
{
    static WCHAR name[] = L"";
    handle = RegisterServiceCtrlHandlerExW(count ? arguments[0] : name, control, NULL);
    tell(SERVICE_RUNNING);
    WaitForSingleObject(stopped, INFINITE);
    tell(SERVICE_STOPPED);
}

int main(void)
{
    static WCHAR name[] = L"";
    SERVICE_TABLE_ENTRYW table[] = { { name, work }, { NULL, NULL } };
    stopped = CreateEventW(NULL, TRUE, FALSE, NULL);
    return StartServiceCtrlDispatcherW(table) ? 0 : 1;
}
