import { describeFaults } from '../parts/faults.ts';

describeFaults('life');
describeFaults('fidelity');
describeFaults('size');
