/* SPDX-License-Identifier: MIT */
/*
 * overlays.h - the overlays over the image of a drive, as a tree: each node is an image that
 * holds what was written since it was put on top of another one. The guest writes to the topmost
 * node only. A snapshot is a node that nothing is written to any more, with a name.
 *
 * The overlays are files in a folder beside the drive's image, FILE.maqet/, or, if that is no
 * file of this host, in the machine's folder (maqet_overlays_folder_elsewhere()), with the
 * record of the tree (tree.json). It is replaced as a whole, and files with ids that it has
 * given away but does not name are of no use: so the tree is complete at any time. Files with later ids are
 * not of this tree, which was put back from an earlier time; they are an error. A node without a name that nobody, or only
 * one other, stands on is merged or removed when there is an opportunity
 * (overlay_merge.h); until then it costs space, and nothing else.
 */
#ifndef MAQET_STORAGE_OVERLAYS_H
#define MAQET_STORAGE_OVERLAYS_H

#include "core/storage/chain.h"
#include "core/storage/snapshots.h"

struct maqet_overlay {
    uint64_t id; /* 0: the drive's own image, or storage that is no file of this host */
    uint64_t parent; /* the node that it stands on; of node 0: 0 */
    char *type;      /* the storage plugin; NULL: that of the drive */
    uint64_t size;   /* bytes that the guest sees */
    struct maqet_node
        file;      /* its file; what is known of it was noted when it was frozen */
    uint32_t mode; /* permissions of the file while it was written to; 0: unknown */
    /* Of node 0 without a file (overlay_elsewhere.h): the storage that the overlays were put on,
     * and the name and the format by which those on it store it; NULL: not noted yet. */
    char *place;
    char *stored_name;
    char *stored_format;
    char *former_name; /* which some may store until all of them have the other one */
    /* The snapshot that it is. */
    char *name;           /* NULL: it is none */
    uint64_t snapshot_id; /* it stays when the node is merged */
    int64_t seconds;
    uint32_t nanoseconds;
    uint64_t vm_clock; /* ns */
    /* What stands on it besides nodes of this tree, as phrases: images of other drives. They are
     * known where snapshots are changed (core/machine/bases.h). */
    struct maqet_strings needed_by;
};

struct maqet_overlays {
    char *image;   /* of the drive: the file of node 0; NULL: it has none */
    char *place;   /* without such a file: the storage, as the definition has it */
    char *folder;  /* of the overlays */
    char *type;    /* of new overlays */
    uint64_t top;  /* the node that the guest writes to */
    uint64_t next; /* the id of the next node, or snapshot */
    /* A node on the top that a running QEMU is about to write to instead, or writes to already;
     * 0: none. And the name that the present top then has as a snapshot; NULL: none. */
    uint64_t prepared;
    char *prepared_name;
    /* Two nodes that a running QEMU is merging, or has merged already; 0: none. */
    uint64_t merging_below;
    uint64_t merging_above;
    /* What the lower one holds is written into the upper one, and not the reverse. */
    bool merging_up;
    /* The QEMU that has them open may be asked for that; not in the file. */
    bool upwards;
    bool unsaved;  /* it could not be written: what the disk has is an older one */
    uint64_t rate; /* bytes a second of the latest merge that tells it; 0: not known */
    struct maqet_overlay *nodes; /* node 0 first */
    size_t count;
};

/* How the names of folders of overlays end. */
#define MAQET_OVERLAYS_SUFFIX ".maqet"

/* The folder of the overlays of an image. The caller frees. */
char *maqet_overlays_folder(const char *image);

/* The same for a drive whose storage is no file of this host; @above: where drives have folders. */
char *maqet_overlays_folder_elsewhere(const char *above, const char *drive);

/* Reads the tree of an image; one without overlays has only node 0. NULL: an error. */
struct maqet_overlays *maqet_overlays_read(const char *image, struct maqet_error **err);

/* The same for storage that is no file of this host, with overlays in the folder @folder. @place:
 * maqet_drive_place(). */
struct maqet_overlays *maqet_overlays_read_elsewhere(const char *folder,
                                                     const char *place,
                                                     struct maqet_error **err);

/* Writes it, to the disk, and creates the folder. A tree with node 0 alone has no file. */
int maqet_overlays_write(const struct maqet_overlays *overlays, struct maqet_error **err);

/* Records that the next id is given away, before a file with that number is created: one that a
 * killed command leaves is recognised by that. */
int maqet_overlays_reserve(struct maqet_overlays *overlays, struct maqet_error **err);

/* Removes all overlays of an image that is about to be deleted: a new one of its name must not
 * get them. */
int maqet_overlays_remove(const char *image, struct maqet_error **err);

/* The same by their folder. */
int maqet_overlays_remove_folder(const char *folder, struct maqet_error **err);

void maqet_overlays_free(struct maqet_overlays *overlays);
MAQET_CLEANUP(maqet_overlays, maqet_overlays_free, maqet_overlays_cleanup)
#define _cleanup_overlays_ _cleanup_(maqet_overlays_cleanup)

/* ---- nodes ---- */

/* The node with an id, which must be there. */
struct maqet_overlay *maqet_overlays_node(const struct maqet_overlays *overlays,
                                          uint64_t id);

/* The snapshot of that name; NULL: there is none. */
struct maqet_overlay *maqet_overlays_find(const struct maqet_overlays *overlays,
                                          const char *name);

/* How many nodes stand on a node; *one (may be NULL) gets one of them. */
size_t maqet_overlays_children(const struct maqet_overlays *overlays, uint64_t id,
                               struct maqet_overlay **one);

/* Whether @below is @id, or one of the nodes that it stands on. */
bool maqet_overlays_stands_on(const struct maqet_overlays *overlays, uint64_t id,
                              uint64_t below);

/* How many nodes a node stands on. */
size_t maqet_overlays_depth(const struct maqet_overlays *overlays, uint64_t id);

/* Adds a node over another one, in a file of its own. Valid until the next one is added. */
struct maqet_overlay *maqet_overlays_add(struct maqet_overlays *overlays, uint64_t parent,
                                         uint64_t size);

/* Drops a node, which nothing stands on, without its file. */
void maqet_overlays_drop(struct maqet_overlays *overlays, uint64_t id);

/* ---- files ---- */

/* The name by which an overlay stores the image of the node below it. The caller frees. */
char *maqet_overlays_backing_name(const struct maqet_overlays *overlays,
                                  const struct maqet_overlay *below);

/* QEMU's name of that image's format; @own: that of the type of the node below. */
const char *maqet_overlays_backing_format(const struct maqet_overlays *overlays,
                                          const struct maqet_overlay *below,
                                          const char *own);

#endif
