/** Project files, packed and opened in a worker. */
import { packProject, unpackProject, type Project } from '../core/project-file.ts';

export const projectFunctions = {
  packProject: (project: Project): Uint8Array => packProject(project),
  unpackProject: (bytes: Uint8Array): Promise<Project> => unpackProject(bytes),
};
