/* Waits for the end of its input. Wine ends its services when no other program is left: for tests, the person who
   stays logged on. It ends with the test, however that ends. */
#include <windows.h>

int main(void)
{
    char byte;
    DWORD count;
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), &byte, 1, &count, NULL) && count) {
    }
    return 0;
}
