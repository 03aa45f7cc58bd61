/**
 * Where a process finds Vulkan on Linux: its loader, `libvulkan.so.1`, and the file that tells the loader of a driver. Machines for computing often have the
 * driver and neither of those, so what is missing is offered in the environment: a loader that came along (`lib/` beside the bench), and files for
 * NVIDIA's driver.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LOADER = 'libvulkan.so.1';
const CHROMIUM = '/usr/lib/chromium';
const BROUGHT = fileURLToPath(new URL('../../lib', import.meta.url));
const ICD_FOLDERS = ['/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/usr/local/etc/vulkan/icd.d'];
/** Where containers have the driver mounted. */
const MOUNTED = '/usr/local/nvidia';
const LIBRARY_FOLDERS = [`${MOUNTED}/lib64`, `${MOUNTED}/lib`, '/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/lib/wsl/lib'];

const inCache = (library) => {
  const { stdout } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  return (stdout ?? '').includes(library);
};
const folderOf = (library) => LIBRARY_FOLDERS.find((folder) => existsSync(join(folder, library)));
/** The environment with folders in front of where libraries are looked for. */
const withFolders = (folders) =>
  folders.length === 0 ? {} : { LD_LIBRARY_PATH: [...folders, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter) };

/** A folder of our own. */
const scratch = () => mkdtempSync(join(tmpdir(), 'flambeau-vulkan-'));

/** The folders that a loader and NVIDIA's driver lie in, where the system would not find them by itself. */
function folders() {
  const list = [];
  if (!inCache(LOADER) && folderOf(LOADER) === undefined && existsSync(join(BROUGHT, LOADER))) list.push(BROUGHT);
  for (const folder of [`${MOUNTED}/lib64`, `${MOUNTED}/lib`]) if (existsSync(folder)) list.push(folder);
  return list;
}

/** A file that tells the loader of a driver. */
function driverFile(library) {
  const path = join(scratch(), 'nvidia_icd.json');
  const ICD = { library_path: library, api_version: '1.3.0' };
  writeFileSync(path, JSON.stringify({ file_format_version: '1.0.0', ICD }));
  return path;
}

/**
 * Environments to try one after another, each with a word for what it offers.
 * @returns {{ why: string, env: Record<string, string> }[]}
 */
export function environments() {
  const base = { ...withFolders(folders()), VK_LOADER_DEBUG: process.env.VK_LOADER_DEBUG ?? 'error' };
  const list = [{ why: 'the system as it is', env: base }];
  if (process.platform !== 'linux' || process.env.VK_DRIVER_FILES !== undefined) return list;
  const mounted = `${MOUNTED}/share/vulkan/icd.d/nvidia_icd.json`;
  if (existsSync(mounted)) list.push({ why: mounted, env: { ...base, VK_DRIVER_FILES: mounted } });
  // without X11 the driver loads by its EGL library, which the installed file seldom names
  for (const library of ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0']) {
    if (!inCache(library) && folderOf(library) === undefined) continue;
    list.push({ why: `a file of our own for ${library}`, env: { ...base, VK_DRIVER_FILES: driverFile(library) } });
  }
  return list;
}

/** The adapter that computes on the processor, of Debian's package chromium, for tests of the bench itself. */
export function softwareEnvironment() {
  const env = { FLAMBEAU_GPU: 'software' };
  if (!existsSync(CHROMIUM)) return env;
  const found = folders();
  if (found.length === 0 && !inCache(LOADER) && folderOf(LOADER) === undefined && existsSync(join(CHROMIUM, LOADER))) {
    const folder = scratch();
    symlinkSync(join(CHROMIUM, LOADER), join(folder, LOADER));
    found.push(folder);
  }
  const driver = process.env.VK_DRIVER_FILES ?? `${CHROMIUM}/vk_swiftshader_icd.json`;
  return { ...env, ...withFolders(found), VK_DRIVER_FILES: driver };
}

/** What there is of Vulkan, in lines: for whoever finds no adapter. */
export function report() {
  const files = ICD_FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
    readdirSync(folder).map((name) => join(folder, name)),
  );
  const place = (library) => folderOf(library) ?? (inCache(library) ? 'found by ldconfig' : 'not found');
  return [
    `${LOADER}: ${place(LOADER)}${existsSync(join(BROUGHT, LOADER)) ? `, and one in ${BROUGHT}` : ''}`,
    ...['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0', 'libcuda.so.1'].map((library) => `${library}: ${place(library)}`),
    `files of drivers: ${files.join(', ') || 'none'}`,
    ...(existsSync('/dev/nvidiactl') ? [] : ['/dev/nvidiactl: not there (no NVIDIA card in this machine or container)']),
  ];
}
