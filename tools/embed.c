/* embed: writes files as C data, so that the program is one file. Runs on the building machine.
 *
 *   embed TABLE FILE... > out.c      gives `const struct embedded TABLE[]`, ending with a NULL name */
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int write_data(const char *path, int number)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "embed: %s: %s\n", path, strerror(errno));
        return 1;
    }
    printf("static const unsigned char data_%d[] = {", number);
    long n = 0;
    for (int c; (c = getc(f)) != EOF; n++)
        printf("%s%d,", n % 24 ? "" : "\n", c);
    printf("\n0};\n"); /* text may be read as a C string */
    int failed = ferror(f);
    fclose(f);
    return failed;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    printf("#include \"base/embedded.h\"\n#include <stddef.h>\n");
    for (int i = 2; i < argc; i++)
        if (write_data(argv[i], i) != 0)
            return 1;
    printf("extern const struct embedded %s[];\nconst struct embedded %s[] = {\n", argv[1], argv[1]);
    for (int i = 2; i < argc; i++)
        printf("{\"%s\", data_%d, sizeof data_%d - 1},\n", base_name(argv[i]), i, i);
    printf("{NULL, NULL, 0}};\n");
    return fflush(stdout) != 0;
}
