/* Cuts the power of a mounted file system: it stops at once, and what is not on its disk is gone
 * (FS_IOC_SHUTDOWN without flushing the journal; see include/uapi/linux/fs.h). */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

#ifndef FS_IOC_SHUTDOWN
#define FS_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#endif
#define WITHOUT_FLUSH 2

int main(int argc, char **argv)
{
    uint32_t how = WITHOUT_FLUSH;
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0 || ioctl(fd, FS_IOC_SHUTDOWN, &how) != 0) {
        perror("power");
        return 1;
    }
    return 0;
}
