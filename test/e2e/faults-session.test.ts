import { describeFaults } from '../parts/faults.ts';

describeFaults('session');
